"""Whether the cluster has room for the training workers, found out before anything else is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ray
from ray.util import placement_group, remove_placement_group

from raydp.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray.util.placement_group import PlacementGroup

__all__ = ["await_room", "reserve_room"]

_NEVER_SECONDS = 20.0  # for a cluster that cannot hold the workers as it is, but may be growing


def await_room(
    wanted: Mapping[str, float], count: int, strategy: str, timeout: float, *, what: str = "The training workers"
) -> None:
    """Wait until the cluster has room for some processes all at once, and leave it free; see :func:`reserve_room`."""
    remove_placement_group(reserve_room(wanted, count, strategy, timeout, what=what))


def reserve_room(
    wanted: Mapping[str, float], count: int, strategy: str, timeout: float, *, what: str
) -> PlacementGroup:
    """Wait until the cluster has room for some processes all at once, and hold it.

    Args:
        wanted: Ray resources of each.
        count: How many.
        strategy: Ray's placement strategy for them.
        timeout: Seconds to wait; 20 at most where even the empty cluster has too little.
        what: What they are, for the message.

    Returns:
        A placement group with a bundle for each, for the caller to remove.

    Raises:
        ClusterError: There was no room in time; the message says what was asked for and what there is.
    """
    if not ray.is_initialized():
        ray.init()  # as init_spark does
    total = ray.cluster_resources()
    enough = all(total.get(name, 0.0) >= amount * count for name, amount in wanted.items())
    waited = timeout if enough else min(timeout, _NEVER_SECONDS)
    bundle = {name: amount for name, amount in wanted.items() if amount > 0}
    group: PlacementGroup = placement_group([dict(bundle)] * count, strategy=strategy)
    ready = False
    try:
        ready = group.wait(waited)
    finally:
        if not ready:
            remove_placement_group(group)
    if ready:
        return group
    advice = (
        "Others hold what is missing: Spark's executors keep their cores until raydp.stop_spark(), or until "
        "fit_on_spark(stop_spark_after_conversion=True) has converted the frame."
        if enough
        else "The cluster is too small."
    )
    names = sorted(wanted)
    raise ClusterError(
        f"{what} found no room on the cluster. {advice} Ask for fewer or smaller ones, or another placement strategy. "
        f"Asked: {count} x {_listed(wanted, names)}, {strategy}; free: {_listed(ray.available_resources(), names)}; "
        f"in all: {_listed(total, names)}; waited {waited:g} s"
    )


def _listed(resources: Mapping[str, float], names: list[str]) -> str:
    return "{" + ", ".join(f"{name}: {resources.get(name, 0.0):g}" for name in names) + "}"
