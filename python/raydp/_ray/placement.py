"""Placement groups for the executors: one that the user gives, or one that is made for the application."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import ray
from ray.util import placement_group, placement_group_table, remove_placement_group
from ray.util.placement_group import PlacementGroup

from raydp._configuration import registry
from raydp._configuration.arguments import is_whole_number
from raydp._ray.amounts import describe_amounts
from raydp._ray.group_wait import GroupTimeout, await_group
from raydp.errors import ClusterError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Placement", "bundles_of_executors", "given_group_settings", "reserve"]

_logger = logging.getLogger(__name__)

_STRATEGY = registry.PLACEMENT_GROUP_STRATEGY.key
_ID = registry.PLACEMENT_GROUP_ID.key
_INDEXES = registry.PLACEMENT_GROUP_BUNDLE_INDEXES.key
_MEMORY = f"{registry.EXECUTOR_RESOURCES.prefix}memory"


@dataclass
class Placement:
    """The placement group of an application.

    Attributes:
        settings: What the JVM side needs to use it.
        most_executors: How many executors a group that was made for the application holds; ``None`` for a given group.
    """

    settings: dict[str, str]
    most_executors: int | None = None
    _group: PlacementGroup | None = field(default=None)

    def release(self) -> None:
        """Remove the group if it was made here; idempotent. A group of the user is never removed."""
        group, self._group = self._group, None
        if group is not None and ray.is_initialized():
            remove_placement_group(group)


def given_group_settings(group: PlacementGroup, bundle_indexes: Sequence[int] | None) -> dict[str, str]:
    """Return the settings that place executors in a group of the user.

    Args:
        group: An existing group.
        bundle_indexes: The bundles that hold executors, in turn; all of them by default.

    Raises:
        InvalidArgumentError: ``group`` is not a placement group, or has no bundle with such an index.
    """
    if not hasattr(group, "bundle_specs") or not hasattr(group, "id"):
        raise InvalidArgumentError(
            "placement_group must be what ray.util.placement_group(...) returned; "
            f"got {type(group).__name__}: {group!r}"
        )
    count = group.bundle_count
    indexes = list(range(count)) if bundle_indexes is None else list(bundle_indexes)
    wrong = [i for i in indexes if not is_whole_number(i) or not 0 <= i < count]
    if wrong or not indexes:
        raise InvalidArgumentError(
            f"placement_group_bundle_indexes must name bundles of the group, from 0 to {count - 1}; got: "
            f"{list(bundle_indexes or [])}"
        )
    return {_ID: group.id.hex(), _INDEXES: ",".join(str(int(i)) for i in indexes)}


def bundles_of_executors(settings: Mapping[str, str]) -> list[dict[str, float]] | None:
    """Return the resources for each executor that an existing placement group has room for; ``None`` without one.

    Args:
        settings: Spark configuration. A bundle that it names more than once is divided.
    """
    group = placement_group_table().get(settings[_ID]) if settings.get(_ID) else None
    if not group:
        return None
    bundles: Mapping[int, Mapping[str, float]] = group["bundles"]
    indexes = settings.get(_INDEXES)
    chosen = [int(index) for index in indexes.split(",")] if indexes else sorted(bundles)
    known = [index for index in chosen if index in bundles]
    return [{name: amount / chosen.count(index) for name, amount in bundles[index].items()} for index in known]


def reserve(
    settings: Mapping[str, str], executor_demand: Callable[[Mapping[str, str]], Mapping[str, float]]
) -> Placement | None:
    """Return the placement group that the settings ask for, once it is ready.

    Args:
        settings: Spark configuration; ``spark.raydp.placementGroup.strategy`` asks for a new group with one bundle
            per executor, ``spark.raydp.placementGroup.id`` names an existing one.
        executor_demand: Returns what one executor demands of Ray with these settings.

    Returns:
        The group, or ``None`` when the settings name none.

    Raises:
        InvalidArgumentError: Both were given, or an executor does not fit a bundle.
        ClusterError: The cluster cannot hold the group, or has none of this id.
    """
    strategy, given = settings.get(_STRATEGY), settings.get(_ID)
    if strategy is None and given is None:
        return None
    if strategy is not None and given is not None:
        raise InvalidArgumentError(
            "Give either a placement strategy, for a group that is made for the application, or an existing placement "
            f"group, not both. Strategy: {strategy}; group: {given}"
        )
    demand = executor_demand(settings)
    if given is not None:
        return Placement(_fitting(settings, demand))
    return _make(str(strategy), settings, demand)


def _make(strategy: str, settings: Mapping[str, str], demand: Mapping[str, float]) -> Placement:
    if settings.get("spark.dynamicAllocation.enabled", "false").strip().lower() == "true":
        raise InvalidArgumentError(
            "A placement group cannot grow and shrink, so it cannot be combined with Spark's dynamic allocation. Leave "
            f"out one of them: placement strategy {strategy}, or spark.dynamicAllocation.enabled"
        )
    count = int(settings.get("spark.executor.instances", "1"))
    bundles = [dict(demand) for _ in range(count)]
    group = placement_group(bundles, strategy=strategy, name=settings[registry.APPLICATION_ID.key])
    size = f"{count} x {describe_amounts(demand)}, {strategy}"
    is_reserved = False
    try:
        late = await_group(group, _limit(settings), f"the executors wait for a placement group: {size}")
        is_reserved = late is None
    finally:
        if not is_reserved:  # also after an interrupt
            remove_placement_group(group)
    if late is not None:
        raise ClusterError(
            "The cluster cannot hold the placement group for the executors: no set of nodes has enough free resources "
            "for this arrangement. Ask for fewer or smaller executors, or another strategy. If nodes join later, raise "
            f"{registry.INFEASIBLE_TIMEOUT.key}. {_why(late, size)}"
        )
    return Placement(given_group_settings(group, None), count, group)


def _limit(settings: Mapping[str, str]) -> Callable[[bool], float]:
    return lambda grows: registry.infeasible_timeout(settings, grows=grows)


def _why(late: GroupTimeout, size: str) -> str:
    said = f"{late.said}. " if late.said else ""
    has = ", ".join(describe_amounts({name: amount}) for name, amount in _visible(ray.cluster_resources()).items())
    return f"{said}Waited {late.waited:.0f} s; group: {size}; the cluster has in all {has}"


def _visible(resources: Mapping[str, float]) -> dict[str, float]:
    """Return the resources that a user knows: not those of one node or group, nor the object store."""
    return {
        name: amount
        for name, amount in sorted(resources.items())
        if not name.startswith(("node:", "object_store_memory")) and "_group_" not in name
    }


def _await_given(group_id: str, settings: Mapping[str, str]) -> None:
    """Wait until a group of the user is reserved. Executors that wait for its bundles would count as failed starts."""
    group = PlacementGroup(ray.PlacementGroupID(bytes.fromhex(group_id)))
    late = await_group(group, _limit(settings), f"the executors wait for placement group {group_id}")
    if late is not None:
        bundles = "; ".join(describe_amounts(bundle) for bundle in group.bundle_specs)
        raise ClusterError(
            "The placement group is not reserved: no set of nodes has enough free resources for it. Make the group "
            f"smaller, or raise {registry.INFEASIBLE_TIMEOUT.key} if nodes join later. Placement group: {group_id}. "
            f"{_why(late, bundles)}"
        )


def _fitting(settings: Mapping[str, str], demand: Mapping[str, float]) -> dict[str, str]:
    """Check that an executor fits the bundles of a group of the user, and return settings to add."""
    group_id, indexes = settings[_ID], settings.get(_INDEXES)
    group = placement_group_table().get(group_id)
    if group is None or group["state"] == "REMOVED":
        raise ClusterError(
            "The Ray cluster has no such placement group; it may have been removed, or belong to another cluster. "
            f"Placement group: {group_id}"
        )
    if group["state"] != "CREATED":
        _await_given(group_id, settings)
    bundles = group["bundles"]
    chosen = [int(index) for index in indexes.split(",")] if indexes else sorted(bundles)
    for index in chosen:
        short = {
            name: (amount, bundles[index].get(name, 0.0))
            for name, amount in demand.items()
            if name != "memory" and bundles[index].get(name, 0.0) < amount
        }
        if short:
            needs = "; ".join(f"{name}: needed {need:g}, there {there:g}" for name, (need, there) in short.items())
            raise InvalidArgumentError(
                f"An executor does not fit bundle {index} of the placement group. Make the bundle larger or the "
                f"executors smaller. {needs}"
            )
    memory = min(bundles[index].get("memory", 0.0) for index in chosen)
    if memory >= demand.get("memory", 0.0):
        return {}
    _logger.warning(
        "A bundle of the placement group holds less memory than an executor uses (heap, overhead, off-heap and PySpark "
        "memory), so Ray reserves only what the bundle holds: bundle %d bytes, executor %d bytes",
        memory,
        demand["memory"],
    )
    return {_MEMORY: str(int(memory))}
