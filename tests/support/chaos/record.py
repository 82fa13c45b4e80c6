"""What a chaos run has seen, and its report."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from support.chaos.work import Tally

__all__ = ["Record", "say", "table"]


@dataclass
class Record:
    """What became of the jobs and of the faults.

    Attributes:
        tally: What became of the jobs.
        recoveries: Seconds until the application was whole again, or until another one gave its first result; by the
            kinds of faults.
        leaked: What was left over.
    """

    tally: Tally = field(default_factory=Tally)
    recoveries: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    leaked: list[str] = field(default_factory=list)

    def report(self, seconds: float) -> dict[str, Any]:
        """Return the report of a run that took that long, as JSON can hold it."""
        times = [one for many in self.recoveries.values() for one in many]
        return {
            "right": self.tally.right,
            "refused": dict(self.tally.refused),
            "wrong": self.tally.wrong,
            "lost": self.tally.lost,
            "leaked": self.leaked,
            "seconds": round(seconds, 1),
            "recovery": {kind: _summary(many) for kind, many in self.recoveries.items()} | {"all": _summary(times)},
        }


def table(report: dict[str, Any]) -> str:
    """Return the recoveries of a report as lines, the most frequent kind of fault first."""
    rows = sorted(report["recovery"].items(), key=lambda row: -row[1]["faults"])
    width = max(len(kind) for kind, _ in rows)
    return "\n".join(
        f"{kind:{width}}  {one['faults']:5d} times, median {one['median_s']:6.2f} s, at most {one['max_s']:6.2f} s"
        for kind, one in rows
    )


def say(text: str) -> None:
    """Print a line with the time."""
    print(f"{time.monotonic():.1f} {text}", flush=True)


def _summary(times: list[float]) -> dict[str, float]:
    """Return number, median and maximum of times in seconds."""
    return {"faults": len(times), "median_s": round(statistics.median(times), 2), "max_s": round(max(times), 2)}
