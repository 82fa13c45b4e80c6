"""Interleaved timing: each implementation runs once per round, so noise on the machine affects all of them alike."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from memory import MemoryWatch

if TYPE_CHECKING:
    from collections.abc import Callable

FLOOR = "floor"


@dataclass
class Implementation:
    """One way to do the measured work.

    Attributes:
        name: Name in the results.
        run: Runs once and returns the seconds that it took.
        rounds: Maximum number of rounds. Slow implementations run less often than the others.
        has_segments: Whether exchange segments, which stay warm between runs, count as its memory.
        process: The process whose memory counts, with that of all that it started. Default: this one.
    """

    name: str
    run: Callable[[], float]
    rounds: int | None = None
    has_segments: bool = False
    process: int | None = None


@dataclass(frozen=True)
class Subject:
    """What is measured: a case, a direction, and for `to_spark` an aggregate (`one_column` or `all_columns`)."""

    case: str
    direction: str
    aggregate: str | None
    rows: int
    bytes: int


@dataclass
class Measurement:
    """The times of one implementation."""

    name: str
    seconds: list[float] = field(default_factory=list)
    peak_extra_bytes: int | None = None
    peak_segment_bytes: int | None = None

    @property
    def median(self) -> float:
        return median(self.seconds)


def timed(action: Callable[[], Any]) -> Callable[[], float]:
    """Return a function that runs the action and returns its seconds. Dropping the result is not part of the time."""

    def run() -> float:
        start = time.perf_counter()
        result = action()
        seconds = time.perf_counter() - start
        del result
        return seconds

    return run


def interleave(implementations: list[Implementation], *, rounds: int, warm_ups: int) -> list[Measurement]:
    """Run warm-ups, then a round that measures only memory, then the rounds that count."""
    measurements = [Measurement(implementation.name) for implementation in implementations]
    pairs = list(zip(implementations, measurements, strict=True))
    for implementation, measurement in pairs:
        for _ in range(warm_ups if implementation.rounds is None else min(warm_ups, 1)):
            _undisturbed(implementation.run)
        with MemoryWatch(with_segments=implementation.has_segments, process=implementation.process) as memory:
            _undisturbed(implementation.run)
        measurement.peak_extra_bytes = memory.peak_extra_bytes
        measurement.peak_segment_bytes = memory.peak_segment_bytes
    for number in range(rounds):
        # Each round starts with a different implementation, so no implementation always runs after the same one.
        first = number % len(pairs)
        for implementation, measurement in pairs[first:] + pairs[:first]:
            if implementation.rounds is None or number < implementation.rounds:
                measurement.seconds.append(_undisturbed(implementation.run))
    return measurements


def rows_of(subject: Subject, measurements: list[Measurement]) -> list[dict[str, Any]]:
    """Return the JSON rows of the result. Ratios are ratios of medians."""
    floor = next(measurement.median for measurement in measurements if measurement.name == FLOOR)
    return [
        {
            "case": subject.case,
            "direction": subject.direction,
            "aggregate": subject.aggregate,
            "impl": measurement.name,
            "seconds_median": measurement.median,
            "seconds_min": min(measurement.seconds),
            "seconds_max": max(measurement.seconds),
            "rounds": len(measurement.seconds),
            "rows": subject.rows,
            "bytes": subject.bytes,
            "ratio_to_floor": measurement.median / floor,
            "peak_extra_bytes": measurement.peak_extra_bytes,
            "peak_segment_bytes": measurement.peak_segment_bytes,
        }
        for measurement in measurements
    ]


def title_of(row: dict[str, Any]) -> str:
    """Return the title of a table about the subject of a row."""
    subject = " ".join(filter(None, [row["case"], row["direction"], row["aggregate"]]))
    return f"{subject}: {row['rows']:,} rows, {row['bytes'] / 1e6:,.0f} MB"


def _undisturbed(run: Callable[[], float]) -> float:
    gc.collect()  # now, not during the measurement
    return run()
