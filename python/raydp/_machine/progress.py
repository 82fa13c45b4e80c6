"""Progress bars for work that takes longer than a blink, shown to a person at a terminal or to who asks for them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Progress", "progress_wanted"]

_OFF_VALUES = frozenset({"0", "false", "no", "off"})


def progress_wanted(option: bool | None) -> bool:  # noqa: FBT001
    """Tell whether bars are to be drawn.

    Args:
        option: What the user asked for; ``None`` means: draw when standard error is a terminal.

    Returns:
        ``False`` when the option says so, when the environment variable ``RAYDP_PROGRESS`` is
        ``0``, ``false``, ``no`` or ``off``, or when there is no standard error. Otherwise ``True`` when the
        option says so (notebooks are no terminals, and draw bars), or when standard error is a terminal.
    """
    if option is False or os.environ.get("RAYDP_PROGRESS", "").lower() in _OFF_VALUES:
        return False
    return sys.stderr is not None and (option is True or sys.stderr.isatty())


class Progress:
    """One bar; a no-op object when bars are not wanted.

    Args:
        description: What is going on, e.g. ``"executors"``.
        total: Number of steps, or ``None`` when it is not known.
        unit: Name of one step, e.g. ``"executor"``.
        enabled: As for :func:`progress_wanted`.
    """

    def __init__(
        self,
        description: str,
        *,
        total: int | None = None,
        unit: str = "it",
        enabled: bool | None = None,
    ) -> None:
        self._bar: tqdm[Any] | None = None
        if progress_wanted(enabled):
            self._bar = tqdm(desc=f"raydp: {description}", total=total, unit=unit, leave=False, file=sys.stderr)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def set(self, done: int, *, total: int | None = None, detail: str = "") -> None:
        """Move the bar to ``done`` steps, optionally with a new total and a detail behind it."""
        if self._bar is None:
            return
        if total is not None:
            self._bar.total = total
        self._bar.n = done
        self._bar.set_postfix_str(detail, refresh=False)
        self._bar.refresh()

    def close(self) -> None:
        """Remove the bar; may be called more than once."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
