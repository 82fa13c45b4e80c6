"""What a Ray cluster has for processes that wait for resources, and what its autoscaler does for them.

Ray has two autoscalers. Both also run, without adding any node, on a cluster that was started by hand; then they say
that the demand cannot be met. So the question is not whether there is an autoscaler, but what it makes of the demand.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from raydp._ray import internals as _ray_internals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Demand", "GroupDemand", "NodeAmounts", "Observer", "Outlook", "ProcessDemand"]

_ANSWER_SECONDS = 5.0
_PRESUMED_SECONDS = 60.0
"""How long an autoscaler that has not seen the demand yet counts as adding nodes. It looks every 5 s."""
_DEAD = 2  # of Ray's NodeStatus
_NODE_THAT_IS_ITS_OWN_TYPE = re.compile(r"node_[0-9a-f]{56}")


@dataclass(frozen=True)
class NodeAmounts:
    """What one node has, by the names of Ray's resources."""

    address: str
    free: Mapping[str, float]
    total: Mapping[str, float]


@dataclass(frozen=True)
class Outlook:
    """What can be expected for a demand.

    Attributes:
        grows: Whether the autoscaler adds nodes for it.
        unplaced: How many of the processes, or groups, Ray has not placed.
        nodes: The living nodes.
        said: What the autoscaler does, as a sentence without a full stop; empty if the cluster has none.
    """

    grows: bool
    unplaced: int
    nodes: tuple[NodeAmounts, ...]
    said: str


class Demand(Protocol):
    """What waits for resources, as the autoscalers see it."""

    def count_unplaced(self, state: Any) -> int:
        """Return how many requests of it are in Ray's ``ClusterResourceState``."""

    def count_infeasible(self, state: Any) -> int:
        """Return how many requests of it the autoscaler cannot meet, by its ``AutoscalingState``."""

    def is_in(self, report: Mapping[str, Any]) -> bool:
        """Tell whether the report of Ray's first autoscaler is about it."""


@dataclass(frozen=True)
class ProcessDemand:
    """Processes of one size."""

    amounts: Mapping[str, float]

    def count_unplaced(self, state: Any) -> int:
        """Count them among the requests that Ray has not placed."""
        requests = state.pending_resource_requests
        return sum(one.count for one in requests if self._is(one.request.resources_bundle))

    def count_infeasible(self, state: Any) -> int:
        """Count them among the requests that the autoscaler cannot meet."""
        return sum(self._is(request.resources_bundle) for request in state.infeasible_resource_requests)

    def is_in(self, report: Mapping[str, Any]) -> bool:
        """Tell whether they are in the report."""
        return any(self._is(shape) for shape, _ in report.get("resource_demand", ()))

    def _is(self, bundle: Mapping[str, float]) -> bool:
        names = {name for name, amount in self.amounts.items() if amount > 0}
        return names == {name for name, amount in bundle.items() if amount > 0} and all(
            abs(bundle[name] - self.amounts[name]) <= 1e-3 * max(1.0, self.amounts[name]) for name in names
        )


@dataclass(frozen=True)
class GroupDemand:
    """A placement group.

    Attributes:
        group_id: Its id (hex).
    """

    group_id: str

    def count_unplaced(self, state: Any) -> int:
        """Tell whether Ray has not placed it."""
        return sum(self.group_id in request.details for request in state.pending_gang_resource_requests)

    def count_infeasible(self, state: Any) -> int:
        """Tell whether the autoscaler cannot make room for it."""
        return sum(self.group_id in request.details for request in state.infeasible_gang_resource_requests)

    def is_in(self, report: Mapping[str, Any]) -> bool:
        """Tell whether the report is about groups; it does not name them."""
        return bool(report.get("pg_demand"))


class Observer:
    """Looks at the cluster and its autoscaler as long as something waits; for one thread.

    Args:
        demand: What waits.
    """

    def __init__(self, demand: Demand) -> None:
        self._demand = demand
        self._begin = time.monotonic()
        self._version: int | None = None
        self._grows: bool | None = None

    def look(self) -> Outlook:
        """Ask Ray.

        Raises:
            ClusterError: It does not answer, or this process is not connected to it.
        """
        return self.judge(*_ray_internals.cluster_status(_ANSWER_SECONDS))

    def judge(self, status: Any, report: bytes | None) -> Outlook:
        """Return what an answer of :func:`~raydp._ray.internals.cluster_status` means for the demand.

        Args:
            status: A ``GetClusterStatusReply``.
            report: The report of Ray's first autoscaler.
        """
        state, scaling = status.cluster_resource_state, status.autoscaling_state
        unplaced = self._demand.count_unplaced(state)
        if unplaced and self._version is None:
            self._version = state.cluster_resource_state_version
        if scaling.autoscaler_state_version > 0:
            said = self._ask_second(scaling, unplaced)
        else:
            said = self._ask_first(json.loads(report) if report else {})
        return Outlook(bool(self._grows), unplaced, tuple(_nodes(state)), said)

    def _ask_second(self, scaling: Any, unplaced: int) -> str:
        # The number of each state is greater than those before: the autoscaler has seen the demand if it has seen a
        # state after the first one that had it.
        seen = self._version is not None and scaling.last_seen_cluster_resource_state_version > self._version
        if seen and unplaced:
            self._grows = self._demand.count_infeasible(scaling) < unplaced
        elif self._grows is None or not seen:
            self._grows = self._is_presumed()
        adding = [(one.ray_node_type_name, one.count) for one in scaling.pending_instance_requests]
        adding += [(one.ray_node_type_name, 1) for one in scaling.pending_instances]
        failures = [f"{one.ray_node_type_name}: {one.reason}" for one in scaling.failed_instance_requests]
        return self._describe(adding, failures)

    def _ask_first(self, report: Mapping[str, Any]) -> str:
        summary = report.get("autoscaler_report") or {}
        types = (summary.get("node_type_mapping") or {}).values()
        if all(_NODE_THAT_IS_ITS_OWN_TYPE.fullmatch(one) for one in types):
            self._grows = False  # the cluster was started by hand
            return ""
        adding = list((summary.get("pending_launches") or {}).items())
        adding += [(node_type, 1) for _, node_type, _ in summary.get("pending_nodes") or ()]
        known = ((summary.get("node_availability_summary") or {}).get("node_availabilities") or {}).values()
        failures = [
            f"{one['node_type']}: {(one.get('unavailable_node_information') or {}).get('description', 'unavailable')}"
            for one in known
            if not one["is_available"]
        ]
        if self._demand.is_in(report.get("load_metrics_report") or {}):
            # Unlike the other one, it does not tell what it cannot meet, but it starts at once what it can.
            self._grows = bool(adding or failures)
        elif self._grows is None:
            self._grows = self._is_presumed()
        return self._describe(adding, failures)

    def _is_presumed(self) -> bool:
        return time.monotonic() - self._begin < _PRESUMED_SECONDS

    def _describe(self, adding: Iterable[tuple[str, int]], failures: list[str]) -> str:
        counts: dict[str, int] = {}
        for node_type, count in adding:
            counts[node_type] = counts.get(node_type, 0) + count
        trouble = f"; it could not add {failures[-1]}" if failures else ""
        if counts:
            nodes = ", ".join(f"{count} x {node_type}" for node_type, count in sorted(counts.items()))
            return f"Ray's autoscaler adds nodes: {nodes}{trouble}"
        if self._grows:
            return f"Ray's autoscaler looks for a node{trouble}"
        return f"Ray's autoscaler adds no node: its node types are too small, or their limits are reached{trouble}"


def _nodes(state: Any) -> Iterable[NodeAmounts]:
    for node in state.node_states:
        if node.status != _DEAD:
            yield NodeAmounts(node.node_ip_address, dict(node.available_resources), dict(node.total_resources))
