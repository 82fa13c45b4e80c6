"""Wait until the Ray cluster has capacity for a group of processes, and reserve it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import ray
from ray.util import list_named_actors, placement_group, remove_placement_group

from raydp._ray.group_wait import await_group
from raydp._ray.shortage import ShortageNotice
from raydp.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray.util.placement_group import PlacementGroup

__all__ = ["await_capacity", "reserve_capacity"]

_TOO_SMALL_SECONDS = 20.0  # how long to wait for a cluster that is too small, if its autoscaler adds no node
_EXECUTOR = re.compile(r"raydp-.+-executor-\d+")  # the JVM names them: ActorRequest.nameOf


def await_capacity(
    resources: Mapping[str, float], count: int, strategy: str, timeout: float, *, what: str = "The training workers"
) -> None:
    """Wait until the cluster has capacity for some processes at the same time, without reserving it.

    The arguments and errors are those of :func:`reserve_capacity`.
    """
    remove_placement_group(reserve_capacity(resources, count, strategy, timeout, what=what))


def reserve_capacity(
    resources: Mapping[str, float], count: int, strategy: str, timeout: float, *, what: str
) -> PlacementGroup:
    """Wait until the cluster has capacity for some processes at the same time, and reserve it.

    Args:
        resources: Ray resources of each process.
        count: Number of processes.
        strategy: Ray's placement strategy for them.
        timeout: Seconds to wait; at most 20 if even the empty cluster is too small and Ray's autoscaler adds no node.
        what: What the processes are, for the message.

    Returns:
        A placement group with one bundle for each process. The caller removes it.

    Raises:
        ClusterError: The cluster had no capacity in time. The message has the requested and the available resources.
    """
    if not ray.is_initialized():
        ray.init()  # as init_spark does
    total = ray.cluster_resources()
    is_large_enough = all(total.get(name, 0.0) >= amount * count for name, amount in resources.items())
    bundle = {name: amount for name, amount in resources.items() if amount > 0}
    group: PlacementGroup = placement_group([dict(bundle)] * count, strategy=strategy)
    ready = False
    waited, said = timeout, ""
    try:
        if is_large_enough:
            with ShortageNotice(what, resources.get("CPU", 0.0), count):
                ready = group.wait(timeout)
        else:
            late = await_group(
                group,
                lambda grows: timeout if grows else min(timeout, _TOO_SMALL_SECONDS),
                f"{what} wait for nodes that can hold them",
            )
            ready = late is None
            if late is not None:
                waited, said = late.limit, f" {late.said}." if late.said else ""
    finally:
        if not ready:
            remove_placement_group(group)
    if ready:
        return group
    advice = _explain_use() if is_large_enough else f"The cluster is too small.{said}"
    names = sorted(resources)
    raise ClusterError(
        f"{what} found no free resources on the cluster. {advice}{_suggest_less(bundle, count)} "
        f"Requested: {count} x {_describe(resources, names)}, {strategy}; "
        f"free: {_describe(ray.available_resources(), names)}; in all: {_describe(total, names)}; "
        f"waited {waited:g} s"
    )


def _explain_use() -> str:
    """Return who holds the resources, and what to do. This process need not be the one that started Spark."""
    if any(_EXECUTOR.fullmatch(one["name"]) for one in list_named_actors(all_namespaces=True)):
        return (
            "Something else uses them: Spark's executors keep their cores until raydp.stop_spark(), or until "
            "fit_on_spark(stop_spark_after_conversion=True) has converted the frame."
        )
    return "Something else uses them: other tasks, actors or placement groups of Ray. End them, or wait longer."


def _suggest_less(bundle: Mapping[str, float], count: int) -> str:
    """Return a sentence about what a program could ask for instead; empty for one process of the usual size."""
    is_large = any(name != "CPU" or amount > 1 for name, amount in bundle.items())
    if count > 1:
        return f" Ask for fewer {'or smaller ' if is_large else ''}processes, or another placement strategy."
    return " Ask for a smaller process." if is_large else ""


def _describe(resources: Mapping[str, float], names: list[str]) -> str:
    return "{" + ", ".join(f"{name}: {resources.get(name, 0.0):g}" for name in names) + "}"
