"""raydp's own lines on standard error, and when a long wait is worth another one."""

from __future__ import annotations

import sys

from tqdm import tqdm

__all__ = ["Reminders", "describe_seconds", "tell"]

_MINUTE = 60.0
_FIRST_SECONDS = 15.0
_OFTEN_FOR_SECONDS = 10 * _MINUTE
_SELDOM_SECONDS = 5 * _MINUTE


def tell(line: str) -> None:
    """Print a line of raydp's, above the progress bars that are being drawn."""
    if sys.stderr is not None:
        tqdm.write(f"raydp: {line}", file=sys.stderr)


def describe_seconds(seconds: float) -> str:
    """Return a duration for a message: ``20 s``, ``30 min``, ``1.5 h``."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    minutes = seconds / _MINUTE
    return f"{minutes:.0f} min" if minutes < 2 * _MINUTE else f"{minutes / _MINUTE:.2g} h"


class Reminders:
    """When to tell the user of one wait: at once, after 15 s, after a minute, then every minute, later every 5 min."""

    def __init__(self) -> None:
        self._next = 0.0

    def is_due(self, waited: float) -> bool:
        """Tell whether it is time to tell of the wait, after ``waited`` seconds; the next time comes later."""
        if waited < self._next:
            return False
        if waited < _FIRST_SECONDS:
            self._next = _FIRST_SECONDS
        else:
            period = _MINUTE if waited < _OFTEN_FOR_SECONDS else _SELDOM_SECONDS
            self._next = (waited // period + 1) * period
        return True
