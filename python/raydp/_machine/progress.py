"""Progress bars, for a user at a terminal or in a notebook, or one who asked for them.

tqdm draws them, as it draws Ray Data's, so that both have their own lines in a terminal and look alike in a notebook.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

from tqdm import TqdmWarning

with warnings.catch_warnings():
    warnings.simplefilter("ignore", TqdmWarning)  # in a notebook without ipywidgets, where it draws text
    from tqdm.auto import tqdm

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Progress", "is_notebook", "progress_enabled"]

_OFF_VALUES = frozenset({"0", "false", "no", "off"})
# tqdm's own format without the rate of steps: set() adds the rate of bytes.
_FORMAT_WITH_BYTES = "{l_bar}{bar}| {n_fmt}/{total_fmt}{unit} [{elapsed}{postfix}]"


def progress_enabled(option: bool | None) -> bool:  # noqa: FBT001
    """Return whether to draw progress bars.

    Args:
        option: The user's choice; ``None``: draw them in a notebook, and if standard error is a terminal.

    Returns:
        ``False`` if the option is ``False``, if the environment variable ``RAYDP_PROGRESS`` is ``0``, ``false``,
        ``no`` or ``off``, or if there is no standard error. Otherwise ``True`` if the option is ``True``, in a
        notebook, or if standard error is a terminal.
    """
    if option is False or os.environ.get("RAYDP_PROGRESS", "").lower() in _OFF_VALUES:
        return False
    return sys.stderr is not None and (option is True or sys.stderr.isatty() or is_notebook())


def is_notebook() -> bool:
    """Return whether this process is the kernel of a notebook, which can show bars and pictures."""
    get_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = None if get_shell is None else get_shell()
    return shell is not None and "IPKernelApp" in shell.config


class Progress:
    """One progress bar. If bars are off, its methods do nothing.

    Args:
        description: What is in progress, e.g. ``"executors"``.
        total: Number of steps; ``None``: unknown.
        unit: Name of one step, e.g. ``"executor"``.
        enabled: As for :func:`progress_enabled`.
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
        if progress_enabled(enabled):
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

    def set(self, done: int, *, total: int | None = None, bytes_done: int | None = None, detail: str = "") -> None:
        """Update the bar.

        Args:
            done: Steps done.
            total: The new number of steps; ``None``: keep it.
            bytes_done: Bytes done. The bar then shows them and their mean rate (``1.20GB, 350MB/s``) instead of the
                rate of steps.
            detail: Text to show at the end of the bar.
        """
        if self._bar is None:
            return
        if total is not None:
            self._bar.total = total
        self._bar.n = done
        if bytes_done is not None:
            self._bar.bar_format = _FORMAT_WITH_BYTES
            detail = ", ".join(filter(None, [_describe_bytes(bytes_done, self._bar.format_dict["elapsed"]), detail]))
        self._bar.set_postfix_str(detail, refresh=False)
        self._bar.refresh()

    def close(self) -> None:
        """Remove the bar. It is safe to call this more than once."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _describe_bytes(count: int, seconds: float) -> str:
    size = tqdm.format_sizeof(count, "B")
    return f"{size}, {tqdm.format_sizeof(count / seconds, 'B')}/s" if seconds > 0 else size
