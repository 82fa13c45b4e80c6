"""The Ray cluster of a chaos run: nodes on this machine, which get lost, and are replaced as an autoscaler would."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import psutil
import ray
from ray.cluster_utils import Cluster

from support import programs
from support.log_monitor import leave_out_log_monitor

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["VARIABLES", "ChaosCluster"]

_STORE_BYTES = 400 * 1024**2
_SLOT = "slot"

VARIABLES = {"RAY_gcs_rpc_server_reconnect_timeout_s": "300"}
"""Variables of the program and its Ray, which ends a program that long after its head is lost. A loaded machine may
need more than the default."""

_HEALTH_CHECKS = {
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "3",
}
"""Variables of the head, with which Ray declares a node dead 3 s after its raylet has ended, and 18 s after it has
frozen. After that, Ray ends the programs of the node, so a cluster of one node has Ray's defaults."""


class ChaosCluster:
    """A cluster that this process starts and joins. The driver's node has the head.

    Args:
        nodes: How many nodes: one, or two. With two, one executor runs on the driver's node and two on the other.
    """

    def __init__(self, nodes: int) -> None:
        leave_out_log_monitor()
        self.executors = 2 if nodes == 1 else 3
        self._addresses = (f"127.0.0.{number}" for number in range(2, 250))
        self._others: dict[str, Any] = {}
        self._frozen_out: list[Any] = []
        self._cluster: Any = None
        quiet = {"log_to_driver": False, "logging_level": "WARNING"}
        size = {"num_cpus": 4, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
        for name, value in _HEALTH_CHECKS.items():
            os.environ.pop(name, None)
            if nodes > 1:
                os.environ[name] = value
        if nodes == 1:
            ray.init("local", **size, **quiet)
            return
        self._cluster = Cluster(initialize_head=True, head_node_args={**size, "resources": {_SLOT: 1}})
        self._add_node()
        ray.init(address=self._cluster.address, **quiet)

    def settings(self) -> dict[str, str]:
        """Return settings that place the executors."""
        return {f"spark.raydp.executor.resource.{_SLOT}": "1"} if self._others else {}

    def other_raylets(self) -> list[int]:
        """Return the raylets of the nodes without the driver."""
        return [pid for pid, address in _raylets() if address in self._others]

    def own_raylets(self) -> list[int]:
        """Return the raylet of the driver's node, if it runs."""
        strange = {*self._others, *(node.node_ip_address for node in self._frozen_out)}
        return [pid for pid, address in _raylets() if address not in strange]

    def heads(self) -> list[int]:
        """Return the process of Ray's head, if it runs."""
        return [one.pid for one in _children("gcs_server")]

    def replace_lost_nodes(self) -> None:
        """Start a node for each one that Ray has declared dead. Ends what is left of one whose raylet has ended."""
        if self._cluster is None:
            return
        alive = {node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
        for address in [address for address in self._others if address not in alive]:
            self._frozen_out.append(self._others.pop(address))
            self._add_node()
        running = {address for _, address in _raylets()}
        for node in [node for node in self._frozen_out if node.node_ip_address not in running]:
            self._frozen_out.remove(node)
            self._cluster.remove_node(node, allow_graceful=False)

    def undead(self) -> list[str]:
        """Return the raylets that run although Ray has declared their nodes dead."""
        dead = {node.node_ip_address for node in self._frozen_out}
        return [f"raylet {pid} of a node that was declared dead" for pid, address in _raylets() if address in dead]

    def leave(self) -> None:
        """Leave the cluster, and end it."""
        ray.shutdown()
        if self._cluster is not None:
            self._cluster.shutdown()

    def _add_node(self) -> None:
        address = next(self._addresses)  # its own: a driver takes a node with its own address for its own node
        self._others[address] = self._cluster.add_node(
            num_cpus=3, object_store_memory=_STORE_BYTES, resources={_SLOT: 2}, node_ip_address=address
        )


def _raylets() -> list[tuple[int, str]]:
    """Return the raylets that run, with the addresses of their nodes."""
    prefix = "--node_ip_address="
    found = []
    for process in _children("raylet"):
        addresses = [word.removeprefix(prefix) for word in programs.words_of(process) if word.startswith(prefix)]
        found += [(process.pid, address) for address in addresses]
    return found


def _children(name: str) -> Iterator[psutil.Process]:
    for process in psutil.Process(os.getpid()).children(recursive=True):
        if programs.name_of(process) == name and programs.words_of(process):  # a zombie has none
            yield process
