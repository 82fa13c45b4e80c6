"""A Ray cluster that loses nodes, all on this machine. The driver is on its head node, the executors on the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ray
from ray.cluster_utils import Cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LosingCluster", "nodes_of"]

_STORE = 150 * 1024**2


class LosingCluster:
    """A head node, and two nodes for executors.

    Args:
        head_cpus: Of the head node.
        node_cpus: Of each of the others.
    """

    def __init__(self, *, head_cpus: int = 1, node_cpus: int = 1) -> None:
        head = {
            "num_cpus": head_cpus,
            "object_store_memory": _STORE,
            "include_dashboard": False,
            "resources": {"head": 1},
        }
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._node_cpus = node_cpus
        self._addresses = iter(range(2, 100))
        self._nodes: list[Any] = []
        self.add_node()
        self.add_node()
        self._cluster.wait_for_nodes()
        ray.init(address=self._cluster.address, log_to_driver=False, logging_level="WARNING")

    def add_node(self) -> str:
        """Add a node for executors; return its address."""
        # Its own address: a driver takes a node with its own address for its own node.
        address = f"127.0.0.{next(self._addresses)}"
        node = self._cluster.add_node(
            num_cpus=self._node_cpus, object_store_memory=_STORE, resources={"worker": 1}, node_ip_address=address
        )
        self._nodes.append(node)
        return address

    def lose_node(self, refs: Sequence[ray.ObjectRef[Any]]) -> None:
        """Kill one of the two nodes that hold the blocks."""
        holding = nodes_of(refs)
        assert len(holding) == 2, holding
        self._lose(next(node for node in self._nodes if node.node_id in holding))

    def lose_node_at(self, address: str) -> None:
        """Kill the node with an address."""
        self._lose(next(node for node in self._nodes if node.node_ip_address == address))

    def shutdown(self) -> None:
        """Leave the cluster, and end it."""
        ray.shutdown()
        self._cluster.shutdown()

    def _lose(self, node: Any) -> None:
        self._nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)


def nodes_of(refs: Sequence[ray.ObjectRef[Any]]) -> set[str]:
    """Return the ids of the nodes that hold blocks."""
    found = ray.experimental.get_object_locations(refs)
    return {node for ref in refs for node in found[ref].get("node_ids", [])}
