"""Compares deployments: each converts the same DataFrames, in turns, in a process of its own."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from deployed import Deployed
from measuring import FLOOR, Implementation, Measurement, Subject, interleave, rows_of, title_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from cases import Case

NATIVE = "native"
BOUNDS = {"attached": 1.1, "standalone": 1.1, "connect": 1.25}
"""The gates: the largest allowed ratio to the native deployment."""

MEBIBYTE = 1024**2


class Deployments:
    """Running deployments, the native one first. A context manager."""

    def __init__(self, names: list[str], options: argparse.Namespace) -> None:
        self._names = list(dict.fromkeys([NATIVE, *names]))
        self._options = options
        self._stack = ExitStack()
        self._running: dict[str, Deployed] = {}

    def __enter__(self) -> Deployments:
        with ExitStack() as stack:  # if one of them does not start, the others end
            for name in self._names:
                self._running[name] = stack.enter_context(Deployed(name, self._options))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def measure(self, case: Case) -> Iterator[dict[str, Any]]:
        """Measure one case in both directions, and yield the rows of the result."""
        rows = self._options.rows or case.rows
        opened = [one.ask_for("open", case=case.name, rows=rows) for one in self._running.values()]
        if any(one["rows"] != rows for one in opened):
            raise AssertionError(f"from_spark lost or added rows in {case.name}, of {rows}: {opened}")
        if "from_spark" in self._options.directions:
            yield from self._compared(Subject(case.name, "from_spark", None, rows, opened[0]["bytes"]))
        if "to_spark" in self._options.directions:
            for aggregate in case.aggregates():
                turned = [one.ask_for("turn", case=case.name, aggregate=aggregate) for one in self._running.values()]
                yield from self._compared(Subject(case.name, "to_spark", aggregate, rows, turned[0]["bytes"]))
        for one in self._running.values():
            one.ask_for("close")

    def _compared(self, subject: Subject) -> list[dict[str, Any]]:
        ways = [
            Implementation(impl, one.seconds_of("run", impl=impl), has_segments=impl != FLOOR, process=one.process)
            for one in self._running.values()
            for impl in (FLOOR, "raydp")
        ]
        found = interleave(ways, rounds=self._options.rounds, warm_ups=self._options.warm_ups)
        pairs: dict[str, list[Measurement]] = {
            name: found[2 * number : 2 * number + 2] for number, name in enumerate(self._running)
        }
        medians = {one.name: one.median for one in pairs[NATIVE]}
        rows = [
            {**row, "deployment": name, "ratio_to_native": row["seconds_median"] / medians[row["impl"]]}
            for name, pair in pairs.items()
            for row in rows_of(subject, pair)
        ]
        show(rows)
        return rows


def show(rows: list[dict[str, Any]]) -> None:
    first = rows[0]
    print(f"\n{title_of(first)}")
    print(f"  {'':<18}{'median s':>10}{'min':>8}{'max':>8}{'/ native':>10}{'/ floor':>9}{'GB/s':>7}{'extra MiB':>11}")
    for row in rows:
        name = row["deployment"] if row["impl"] != FLOOR else f"{row['deployment']} floor"
        print(
            f"  {name:<18}{row['seconds_median']:10.3f}{row['seconds_min']:8.3f}{row['seconds_max']:8.3f}"
            f"{row['ratio_to_native']:10.2f}{row['ratio_to_floor']:9.2f}"
            f"{row['bytes'] / row['seconds_median'] / 1e9:7.2f}{row['peak_extra_bytes'] / MEBIBYTE:11.0f}",
            flush=True,
        )


def show_ratios_to_native(rows: list[dict[str, Any]]) -> None:
    print()
    for row in rows:
        if row["impl"] == FLOOR or row["deployment"] == NATIVE:
            continue
        subject = " ".join(filter(None, [row["direction"], row["aggregate"]]))
        ratio, bound = row["ratio_to_native"], BOUNDS[row["deployment"]]
        print(f"{row['case']:<12}{subject:<24}{row['deployment']:>11} / native = {ratio:.2f}   gate: at most {bound}")
