"""A cluster that loses nodes.

The driver and its session are on the head node; the executors, the agents and the blocks are on the others.
"""

import ray
from ray.cluster_utils import Cluster

import raydp

__all__ = ["LosingCluster"]

_STORE = 150 * 1024**2


class LosingCluster:
    """A head node, and two nodes for executors."""

    def __init__(self):
        head = {"num_cpus": 1, "object_store_memory": _STORE, "include_dashboard": False, "resources": {"head": 1}}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._addresses = iter(range(2, 100))
        self._nodes = []
        self.add_node()
        self.add_node()
        self._cluster.wait_for_nodes()
        ray.init(address=self._cluster.address, log_to_driver=False, logging_level="WARNING")

    def add_node(self):
        # Its own address: a driver takes a node with its own address for its own node.
        address = f"127.0.0.{next(self._addresses)}"
        node = self._cluster.add_node(
            num_cpus=1, object_store_memory=_STORE, resources={"worker": 1}, node_ip_address=address
        )
        self._nodes.append(node)

    def lose_node(self, refs):
        """Kill one of the two nodes that hold the blocks."""
        holding = nodes_of(refs)
        assert len(holding) == 2, holding
        gone = next(node for node in self._nodes if node.node_id in holding)
        self._nodes.remove(gone)
        self._cluster.remove_node(gone, allow_graceful=False)

    def session(self, *, fault_tolerant_mode=True, **configs):
        return raydp.init_spark(
            "lost nodes",
            2,
            1,
            "500m",
            configs={
                "spark.ui.enabled": "false",
                "spark.log.level": "ERROR",
                "spark.sql.shuffle.partitions": "3",
                "spark.ray.raydp_spark_executor.actor.resource.worker": "1",
                "spark.raydp.exchange.blockSize": "4m",
                **configs,
            },
            fault_tolerant_mode=fault_tolerant_mode,
        )

    def shutdown(self):
        raydp.stop_spark()
        ray.shutdown()
        self._cluster.shutdown()


def nodes_of(refs):
    found = ray.experimental.get_object_locations(refs)
    return {node for ref in refs for node in found[ref].get("node_ids", [])}
