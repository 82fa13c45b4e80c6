"""What an examination says about one part of the machine."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raydp.errors import RaydpError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Check", "Finding", "Level", "find"]


class Level(enum.Enum):
    """How bad it is: an application starts with ``OK`` and ``WARNING``, and fails with ``BROKEN``."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "BROKEN"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: What was looked at.
        level: How bad it is.
        text: What was found; when it is not in order, what is wrong, the fix, and the values, in this order.
    """

    subject: str
    level: Level
    text: str

    def __str__(self) -> str:
        return f"{self.level.value:8} {self.subject:17} {' '.join(self.text.split())}"


@dataclass(frozen=True)
class Check:
    """Something to look at.

    Attributes:
        subject: What it is.
        look: Looks, given the application's Spark settings. Returns what is in order as text, or a finding;
            raises one of our errors when it is broken.
        is_cheap: Whether it takes a few milliseconds at most.
    """

    subject: str
    look: Callable[[Mapping[str, str]], str | Finding]
    is_cheap: bool = False


def find(check: Check, settings: Mapping[str, str]) -> Finding:
    """Run a check; one of our errors becomes a finding."""
    try:
        found = check.look(settings)
    except RaydpError as error:
        return Finding(check.subject, Level.BROKEN, str(error))
    return Finding(check.subject, Level.OK, found) if isinstance(found, str) else found
