"""What the exchange needs to know about a Spark application: where its executors are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["ExchangeHost"]


class ExchangeHost(Protocol):
    """A Spark application as the exchange sees it. The exchange does not know who starts executors, or how."""

    def executor_nodes(self) -> Collection[str]:
        """Return the Ray node ids (hex) that need an agent now; safe for any thread.

        These have registered executors, or serve executors elsewhere.

        Raises:
            ExchangeError: An executor runs on a machine without a Ray node, and must not use another machine's.
        """

    def hosts_without_node(self) -> list[str] | None:
        """Return the hosts of executors that have no Ray node; ``None`` if executors need one. Safe for any thread."""

    def hosts_by_node(self) -> Mapping[str, Sequence[str]]:
        """Return, for the id of each living Ray node, what Spark calls its machine; safe for any thread.

        Spark compares the preferred locations of tasks with these names as text.
        """

    def await_change(self, timeout: float) -> None:
        """Return when the executors have changed since the last call, or after ``timeout`` seconds.

        Called by one thread. Raises when the application has ended.
        """
