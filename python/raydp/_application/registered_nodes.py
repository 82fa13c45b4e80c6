"""The nodes of a running application's executors, for the exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp._ray.cluster import node_addresses

if TYPE_CHECKING:
    from raydp._application.entry_points import EntryPoints

__all__ = ["RegisteredNodes"]


class RegisteredNodes:
    """The nodes with registered executors; implements the protocol ``ExchangeHost`` of ``raydp._exchange.driver``.

    Args:
        entry_points: The application in the driver JVM.
    """

    def __init__(self, entry_points: EntryPoints) -> None:
        self._entry_points = entry_points
        self._sequence = 0

    def executor_nodes(self) -> list[str]:
        """Return the ids (hex) of the Ray nodes that have a registered executor."""
        return sorted({executor.node for executor in self._entry_points.status().registered if executor.node})

    def hosts_without_node(self) -> None:
        """Executors are on Ray's nodes."""

    def hosts_by_node(self) -> dict[str, list[str]]:
        """Return the address of each living node by its id. It is Spark's name for machines of executors on Ray."""
        return {node: [address] for node, address in node_addresses().items()}

    def await_change(self, timeout: float) -> None:
        """Return after a change of the executors since the last call, or after ``timeout`` seconds; for one thread.

        Raises:
            SessionError: The JVM does not answer.
        """
        self._sequence = self._entry_points.await_change(self._sequence, timeout).sequence
