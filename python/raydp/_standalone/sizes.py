"""What the workers of a standalone cluster demand of Ray, and whether Ray has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ray.util import placement_group, remove_placement_group

from raydp._application.sizing import compute_overhead
from raydp._configuration.memory_size import MEBIBYTE
from raydp._ray.amounts import describe_amounts, describe_nodes
from raydp._ray.group_wait import await_group
from raydp._ray.internals import has_started_cluster
from raydp._ray.outlook import Observer, ProcessDemand
from raydp.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raydp._ray.outlook import NodeAmounts

__all__ = ["LEAST_MEMORY", "WORKER_HEAP", "WorkerSize", "await_room", "check_room"]

LEAST_MEMORY = 450 * MEBIBYTE
"""What one executor needs at least: Spark reserves 300 MiB of it for itself."""

WORKER_HEAP = "256m"
_WORKER_PROCESS = 384 * MEBIBYTE
_TOO_SMALL_SECONDS = 20.0  # how long to wait for a cluster that is too small, if its autoscaler adds no node


@dataclass(frozen=True)
class WorkerSize:
    """The size of one worker.

    Attributes:
        cores: What it has for executors.
        memory: What it has for the heaps of executors, in bytes.
    """

    cores: int
    memory: int

    def __str__(self) -> str:
        return f"{self.cores} core{'' if self.cores == 1 else 's'} and {self.memory // MEBIBYTE} MiB each"

    @property
    def demand(self) -> dict[str, float]:
        """What Ray reserves for it: the cores, and memory for heaps, their overhead and the worker's own process."""
        overhead = compute_overhead({}, self.memory)
        return {"CPU": float(self.cores), "memory": float(self.memory + overhead + _WORKER_PROCESS)}


def check_room(size: WorkerSize, count: int) -> None:
    """Raise ``ClusterError`` if the cluster can never hold so many workers, because only this process can add nodes."""
    nodes = _nodes(size)
    if has_started_cluster() and _count_held(size, nodes) < count:
        raise _too_small(size, count, nodes, "")


def await_room(size: WorkerSize, count: int, timeout: float) -> None:
    """Wait until the cluster has room for some workers at the same time, without reserving it.

    Raises:
        ClusterError: It had none in time, or can never have it. The message has what there is.
    """
    check_room(size, count)
    is_enough = _count_held(size, _nodes(size)) >= count
    group = placement_group([size.demand] * count, strategy="PACK")
    try:
        late = await_group(
            group,
            lambda grows: timeout if grows or is_enough else min(timeout, _TOO_SMALL_SECONDS),
            f"The workers of the Spark cluster wait for free resources: {count} x {describe_amounts(size.demand)}",
        )
    finally:
        remove_placement_group(group)
    if late is None:
        return
    nodes = _nodes(size)
    if not is_enough:
        raise _too_small(size, count, nodes, late.said)
    raise ClusterError(
        "Ray has no free resources for the workers: other tasks, actors or placement groups use them. End those, ask "
        f"for fewer or smaller workers, or wait longer (timeout_seconds). Asked for: {count} x "
        f"{describe_amounts(size.demand)}; free: {describe_nodes(size.demand, nodes, of_total=False)}; waited "
        f"{late.waited:.0f} s"
    )


def _nodes(size: WorkerSize) -> Sequence[NodeAmounts]:
    return Observer(ProcessDemand(size.demand)).look().nodes


def _count_held(size: WorkerSize, nodes: Sequence[NodeAmounts]) -> int:
    return sum(
        min(int(node.total.get(name, 0.0) / needed + 1e-9) for name, needed in size.demand.items()) for node in nodes
    )


def _too_small(size: WorkerSize, count: int, nodes: Sequence[NodeAmounts], said: str) -> ClusterError:
    growth = f" {said}." if said else ""
    return ClusterError(
        f"The Ray cluster is too small for these workers.{growth} Ask for fewer or smaller ones, or add nodes. Besides "
        "what executors get, Ray reserves memory for their overhead and for the worker itself. Asked for: "
        f"{count} x {describe_amounts(size.demand)}; the cluster holds {_count_held(size, nodes)} of them: "
        f"{describe_nodes(size.demand, nodes, of_total=True)}"
    )
