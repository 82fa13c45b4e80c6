"""Which CPUs the executors leave to Ray's tasks, and what to do if there are none."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError
from ray.exceptions import RayError

from raydp._application.lifecycle import State, lifecycle
from raydp._application.status import ExecutorState
from raydp._configuration.setting import boolean
from raydp._ray.cluster import node_resources
from raydp.errors import RaydpError

if TYPE_CHECKING:
    from raydp._application.application import Application

__all__ = ["describe_full_cluster", "explain_shortage"]

_TASK_CPUS = 1.0
"""What one task of Ray Data needs by default."""


def describe_full_cluster(application: Application) -> str | None:
    """Return a line for an application whose executors will leave no CPU to Ray's tasks; ``None`` if they leave one."""
    each = application.entry_points.executor_demand(application.settings).get("CPU", 0.0)
    count = application.status().desired
    total = sum(resources.get("CPU", 0.0) for resources in node_resources().values())
    if each == 0 or total - each * count >= _TASK_CPUS:
        return None
    return (
        f"Spark's executors leave no CPU to Ray's tasks, so map_batches, fit and predict will wait. "
        f"{_fix(application, each, total - _TASK_CPUS)} Executors: {count} x {each:g} CPUs; in all: {total:g}"
    )


def explain_shortage(cpus: float, count: int) -> str | None:
    """Say that executors hold the CPUs that something needs, and what to do; ``None`` if they leave enough.

    Args:
        cpus: How many CPUs each process needs.
        count: How many processes there are.
    """
    application = lifecycle.application
    if application is None or lifecycle.state is not State.RUNNING:
        return None
    with contextlib.suppress(RaydpError, Py4JError, RayError, OSError):  # it is ending
        return _explain(application, cpus, count)
    return None


def _explain(application: Application, cpus: float, count: int) -> str | None:
    each = application.entry_points.executor_demand(application.settings).get("CPU", 0.0)
    placed = [one for one in application.status().living if one.state is not ExecutorState.PENDING]
    reserved = None if application.reservation is None else application.reservation.most_executors
    executors = len(placed) if reserved is None else reserved
    nodes = {node: resources.get("CPU", 0.0) for node, resources in node_resources().items()}
    free = dict(nodes)
    for executor in placed:
        if executor.node in free:
            free[executor.node] -= each
    total = sum(nodes.values())
    left = total - each * executors
    is_enough = left >= cpus * count and max(free.values(), default=0.0) >= cpus
    could_be_enough = total >= cpus * count and max(nodes.values(), default=0.0) >= cpus
    if each * executors == 0 or is_enough or not could_be_enough:
        return None
    return (
        f"Spark's executors hold the others until raydp.stop_spark(). {_fix(application, each, total - cpus * count)} "
        f"Needed: {count} x {cpus:g} CPUs; executors: {executors} x {each:g} CPUs; in all: {total:g}"
    )


def _fix(application: Application, each: float, available: float) -> str:
    if boolean(application.settings.get("spark.dynamicAllocation.enabled", "false")):
        return "Set spark.dynamicAllocation.maxExecutors to leave room."
    fewer = int(available / each)
    is_fixed = application.reservation is not None
    scale = f", or call raydp.scale({fewer}) now" if fewer >= 1 and not is_fixed else ""
    return f"Start Spark with fewer executors or cores{scale}."
