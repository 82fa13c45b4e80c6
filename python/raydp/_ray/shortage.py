"""Says why something waits for a CPU. Whoever holds CPUs for long explains it; whoever waits asks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeAlias

from raydp._machine.console import tell

__all__ = [
    "NOTICE_SECONDS",
    "Explanation",
    "ShortageNotice",
    "explain_shortage_with",
    "leave_datasets",
    "watch_datasets",
]

NOTICE_SECONDS = 3.0
"""How long something may wait before the user is told."""

Explanation: TypeAlias = Callable[[float, int], "str | None"]
"""Takes how many CPUs a process needs, and how many such processes there are. Returns who holds these CPUs and what to
do; ``None`` if that is not why they wait."""

_VARIABLE = "RAY_DATA_EXECUTION_CALLBACKS"
_CALLBACK = "raydp._ray.waiting_datasets.TellWhyItWaits"

_explanations: list[Explanation] = []


def explain_shortage_with(explanation: Explanation) -> None:
    """Add an explanation, for the rest of the process."""
    _explanations.append(explanation)


def watch_datasets() -> None:
    """Have Ray Data make a :class:`~raydp._ray.waiting_datasets.TellWhyItWaits` for each execution; idempotent.

    Ray Data reads a variable of the environment for that. Nothing is loaded before the first execution, and Ray's
    workers, which may lack raydp, do not get it.
    """
    leave_datasets()
    os.environ[_VARIABLE] = ",".join(filter(None, [os.environ.get(_VARIABLE), _CALLBACK]))


def leave_datasets() -> None:
    """Undo :func:`watch_datasets`."""
    others = [one for one in os.environ.get(_VARIABLE, "").split(",") if one not in ("", _CALLBACK)]
    if others:
        os.environ[_VARIABLE] = ",".join(others)
    else:
        os.environ.pop(_VARIABLE, None)


class ShortageNotice:
    """Tells the user, in the body of a ``with``, if it takes longer than 3 s because nobody leaves it a CPU.

    Args:
        what: What waits; the line begins with it.
        cpus: How many CPUs each of its processes needs.
        count: How many processes it needs at once.
    """

    def __init__(self, what: str, cpus: float = 1.0, count: int = 1) -> None:
        self._what = what
        self._cpus = cpus
        self._count = count
        self._timer = threading.Timer(NOTICE_SECONDS, self.give)
        self._timer.daemon = True
        self._timer.name = "raydp-shortage"

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def give(self) -> bool:
        """Tell the user now, if there is an explanation; return whether there was one."""
        for explanation in _explanations:
            reason = explanation(self._cpus, self._count)
            if reason is not None:
                tell(f"{self._what} must wait for CPUs. {reason}")
                return True
        return False
