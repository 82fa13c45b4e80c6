"""What the exchange needs to know about executors: their nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["ExecutorNodes"]


class ExecutorNodes(Protocol):
    """The nodes that have executors. The exchange does not know who starts executors, or how."""

    def current(self) -> Collection[str]:
        """Return the Ray node ids (hex) that have registered executors now; safe for any thread."""

    def await_change(self, timeout: float) -> None:
        """Return when the executors have changed since the last call, or after ``timeout`` seconds.

        Called by one thread. Raises when the application has ended.
        """
