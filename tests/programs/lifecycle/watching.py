"""What an application and the autoscaler know of the executors."""

import ray
from ray.autoscaler.v2.sdk import get_cluster_status

from raydp._application import current_application
from support import scripting

__all__ = ["eventually", "living", "pending_cpus", "registered"]


def living():
    return current_application().status().living


def registered():
    return sorted(executor.id for executor in current_application().status().registered)


def pending_cpus():
    """The CPUs that Ray tells an autoscaler: those of actors that fit on no node."""
    demand = get_cluster_status(ray.get_runtime_context().gcs_address).resource_demands.ray_task_actor_demand
    return sum(shape.count * shape.bundle.get("CPU", 0) for one in demand for shape in one.bundles_by_count)


def eventually(what, condition, seconds=120):
    scripting.eventually(what, condition, seconds=seconds, state=current_application().status)
