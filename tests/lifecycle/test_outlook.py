"""What the answers of Ray's two autoscalers mean for executors that no node can hold. Needs no cluster."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ray.core.generated import autoscaler_pb2

from raydp._machine.console import Reminders, describe_seconds
from raydp._ray.amounts import describe_nodes, missing_resources
from raydp._ray.outlook import GroupDemand, NodeAmounts, Observer, ProcessDemand

MEMORY = 884.0 * (1 << 20)
DEMAND = ProcessDemand({"CPU": 1.0, "memory": MEMORY, "GPU": 0.0})
BUNDLE = {"CPU": 1.0, "memory": MEMORY}


def status(unplaced: int, version: int) -> Any:
    """Return what Ray's control service answers if this many executors wait."""
    reply = autoscaler_pb2.GetClusterStatusReply()  # type: ignore[attr-defined]
    state = reply.cluster_resource_state
    state.cluster_resource_state_version = version
    state.node_states.add(status=1, node_ip_address="10.0.0.1", total_resources={"CPU": 2.0})
    state.node_states.add(status=2, node_ip_address="10.0.0.2")  # dead
    others = state.pending_resource_requests.add(count=7)
    others.request.resources_bundle.update({"CPU": 1.0})
    if unplaced:
        state.pending_resource_requests.add(count=unplaced).request.resources_bundle.update(BUNDLE)
    return reply


def scaled(unplaced: int, version: int, *, seen: int, infeasible: int) -> Any:
    """Return the same, with what the second autoscaler has reported."""
    reply = status(unplaced, version)
    scaling = reply.autoscaling_state
    scaling.autoscaler_state_version = 1
    scaling.last_seen_cluster_resource_state_version = seen
    for _ in range(infeasible):
        scaling.infeasible_resource_requests.add().resources_bundle.update(BUNDLE)
    return reply


def test_the_second_autoscaler_is_believed_once_it_has_seen_the_demand() -> None:
    observer = Observer(DEMAND)
    presumed = observer.judge(scaled(3, 7, seen=6, infeasible=0), None)
    assert presumed.grows and presumed.unplaced == 3, "it looks every few seconds"
    assert [node.address for node in presumed.nodes] == ["10.0.0.1"]
    refused = observer.judge(scaled(3, 9, seen=8, infeasible=3), None)
    assert not refused.grows and "adds no node: its node types are too small" in refused.said
    some = scaled(3, 12, seen=11, infeasible=2)
    some.autoscaling_state.pending_instance_requests.add(ray_node_type_name="small", count=2)
    some.autoscaling_state.pending_instances.add(ray_node_type_name="small")
    some.autoscaling_state.failed_instance_requests.add(ray_node_type_name="spot", reason="no capacity")
    outlook = observer.judge(some, None)
    assert outlook.grows
    assert outlook.said == "Ray's autoscaler adds nodes: 3 x small; it could not add spot: no capacity"
    placed = observer.judge(scaled(0, 14, seen=13, infeasible=0), None)
    assert placed.grows and placed.unplaced == 0, "while Ray places what it asked for, the last answer holds"


def test_the_second_autoscaler_names_groups() -> None:
    observer = Observer(GroupDemand("ab12"))
    reply = scaled(0, 7, seen=6, infeasible=0)
    reply.cluster_resource_state.pending_gang_resource_requests.add(details="ab12:STRICT_SPREAD|PENDING")
    assert observer.judge(reply, None).unplaced == 1
    reply.autoscaling_state.last_seen_cluster_resource_state_version = 8
    assert observer.judge(reply, None).grows
    reply.autoscaling_state.infeasible_gang_resource_requests.add(details="ab12:STRICT_SPREAD|PENDING")
    assert not observer.judge(reply, None).grows


def report(*, mapping: dict[str, str], demand: bool, **summary: Any) -> bytes:
    """Return a report of the first autoscaler."""
    return json.dumps(
        {
            "load_metrics_report": {"resource_demand": [[BUNDLE, 2]] if demand else []},
            "autoscaler_report": {"node_type_mapping": mapping, **summary},
        }
    ).encode()


def test_the_first_autoscaler_is_judged_by_what_it_starts() -> None:
    observer = Observer(DEMAND)
    mapping = {"10.0.0.1": "ray.head.default"}
    assert observer.judge(status(2, 1), report(mapping=mapping, demand=False)).grows, "it has not seen the demand"
    idle = observer.judge(status(2, 2), report(mapping=mapping, demand=True, pending_launches={}))
    assert not idle.grows and "adds no node" in idle.said
    launching = report(mapping=mapping, demand=True, pending_launches={"small": 1})
    assert observer.judge(status(2, 3), launching).said == "Ray's autoscaler adds nodes: 1 x small"
    setting_up = report(mapping=mapping, demand=True, pending_nodes=[["10.0.0.2", "small", "waiting-for-ssh"]])
    assert observer.judge(status(2, 4), setting_up).grows
    spot = {"node_type": "spot", "is_available": False, "unavailable_node_information": {"description": "no capacity"}}
    away = report(mapping=mapping, demand=True, node_availability_summary={"node_availabilities": {"spot": spot}})
    outlook = observer.judge(status(2, 5), away)
    assert outlook.grows and outlook.said == "Ray's autoscaler looks for a node; it could not add spot: no capacity"


@pytest.mark.parametrize("found", [None, report(mapping={"10.0.0.1": "node_" + "a7" * 28}, demand=True)])
def test_a_cluster_that_was_started_by_hand_does_not_grow(found: bytes | None) -> None:
    outlook = Observer(DEMAND).judge(status(2, 1), found)
    assert not outlook.grows and outlook.said == ""


def test_what_is_missing_is_named() -> None:
    nodes = [
        NodeAmounts("a", {"CPU": 1.0, "memory": 5e9}, {"CPU": 4.0, "memory": 8e9}),
        NodeAmounts("b", {"CPU": 2.0, "memory": 1e8}, {"CPU": 2.0, "memory": 8e9}),
    ]
    assert missing_resources({"CPU": 2, "memory": 1e9}, nodes, of_total=False) == ["CPU", "memory"]
    assert missing_resources({"CPU": 3, "memory": 1e9}, nodes, of_total=False) == ["CPU"]
    assert missing_resources({"CPU": 8, "memory": 1e9}, nodes, of_total=True) == ["CPU"]
    assert missing_resources({"tpu": 1}, nodes, of_total=True) == ["tpu"]
    assert missing_resources({"CPU": 1}, nodes, of_total=False) == []
    none = "b: CPU 2 of 2, tpu 0 of 0; a: CPU 1 of 4, tpu 0 of 0"
    assert describe_nodes({"CPU": 8, "tpu": 1}, nodes, of_total=False) == none
    one = "a: CPU 1 of 4, memory 4768 of 7629 MiB; and 1 more"
    assert describe_nodes({"CPU": 3, "memory": 1}, nodes, of_total=False) == one
    assert describe_nodes({"memory": 1}, nodes * 3, of_total=True).endswith("; and 2 more")


def test_a_long_wait_is_told_seldom() -> None:
    reminders = Reminders()
    told = [second for second in range(3600) if reminders.is_due(float(second))]
    assert told == [0, 15, *range(60, 600, 60), *range(600, 3600, 300)]
    assert [describe_seconds(one) for one in (5, 20, 119, 600, 1800, 7200, 9000)] == [
        *("5 s", "20 s", "119 s", "10 min", "30 min", "2 h", "2.5 h")
    ]
