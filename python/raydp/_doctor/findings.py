"""A check of one part of the machine, and its finding."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raydp.errors import RaydpError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Check", "Finding", "Level", "run_check"]


class Level(enum.Enum):
    """How bad a finding is: with ``BROKEN``, an application cannot start."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "BROKEN"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: What was checked.
        level: How bad it is.
        text: What was found. For a problem: what is wrong, how to fix it, and the values, in this order.
    """

    subject: str
    level: Level
    text: str

    def __str__(self) -> str:
        return f"{self.level.value:8} {self.subject:17} {' '.join(self.text.split())}"


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        subject: What it checks.
        function: Takes the application's Spark settings. It returns a text if all is well, or a finding, or raises
            one of raydp's errors if something is broken.
        is_cheap: Whether it takes a few milliseconds at most. Each start runs it then.
        is_told: Whether a start tells its warning.
    """

    subject: str
    function: Callable[[Mapping[str, str]], str | Finding]
    is_cheap: bool = False
    is_told: bool = False


def run_check(check: Check, settings: Mapping[str, str]) -> Finding:
    """Run a check and return its finding, also if it raises one of raydp's errors."""
    try:
        found = check.function(settings)
    except RaydpError as error:
        return Finding(check.subject, Level.BROKEN, str(error))
    return Finding(check.subject, Level.OK, found) if isinstance(found, str) else found
