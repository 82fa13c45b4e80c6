"""The actors of a standalone cluster, as the process that owns them sees them."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import ActorDiedError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from raydp._ray.failures import find_raydp_error, reason_of
from raydp._standalone.daemon_actor import StandaloneDaemon
from raydp.errors import ExecutorStartError, RaydpError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raydp._standalone.daemon_actor import DaemonSpec, DaemonStatus

__all__ = ["Daemon", "Daemons"]

_STATUS_SECONDS = 1.0
_END_SECONDS = 25.0
_CALLS_AT_ONCE = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Daemon:
    """One actor.

    Attributes:
        name: Its name.
        handle: The actor.
    """

    name: str
    handle: Any


class Daemons:
    """The actors of one cluster. They end with this process: they are not detached.

    Ray restarts an actor whose process or node is lost, without this process, and its autoscaler sees that it waits.

    Args:
        cluster: Id of the cluster.
        worker: What each worker is.
        demand: What each worker demands of Ray.
    """

    def __init__(self, cluster: str, worker: DaemonSpec, demand: Mapping[str, float]) -> None:
        self._cluster = cluster
        self._worker = worker
        self._demand = demand
        self._numbers = itertools.count(1)
        self.master: Daemon | None = None
        self.workers: list[Daemon] = []

    def start_master(self, spec: DaemonSpec) -> None:
        """Start the master, on the node of this process, which keeps its ports."""
        node = ray.get_runtime_context().get_node_id()
        self.master = self._create(spec, {}, NodeAffinitySchedulingStrategy(node, soft=False))

    def add_workers(self, count: int) -> None:
        """Request more workers from Ray."""
        for _ in range(count):
            spec = dataclasses.replace(self._worker, name=f"{self._worker.name}-{next(self._numbers)}")
            self.workers.append(self._create(spec, self._demand, "DEFAULT"))

    def statuses(self) -> dict[Daemon, DaemonStatus | RaydpError]:
        """Return the status of each daemon whose actor answers within a second, or why it has none any more."""
        daemons = [daemon for daemon in (self.master, *self.workers) if daemon is not None]
        calls = {daemon.handle.status.remote(): daemon for daemon in daemons}
        ready, _ = ray.wait(list(calls), num_returns=len(calls), timeout=_STATUS_SECONDS)
        return {calls[call]: status for call in ready if (status := _answer(calls[call], call)) is not None}

    def end(self, daemons: Sequence[Daemon]) -> None:
        """End daemons, within bounds."""
        self.workers = [one for one in self.workers if one not in daemons]
        calls = [daemon.handle.status.remote() for daemon in daemons]
        ready, _ = ray.wait(calls, num_returns=len(calls), timeout=_STATUS_SECONDS)
        running = [daemon for daemon, call in zip(daemons, calls, strict=True) if call in ready]  # others wait for Ray
        ends = [daemon.handle.end.remote() for daemon in running]
        if ends:
            ray.wait(ends, num_returns=len(ends), timeout=_END_SECONDS)
        for daemon in daemons:
            ray.kill(daemon.handle)

    def end_all(self) -> None:
        """End the workers, then the master."""
        self.end(self.workers)
        if self.master is not None:
            self.end([self.master])

    def _create(self, spec: DaemonSpec, resources: Mapping[str, float], strategy: Any) -> Daemon:
        remote: Any = ray.remote
        actor = remote(max_restarts=-1, max_concurrency=_CALLS_AT_ONCE)(StandaloneDaemon).options(
            name=spec.name,
            namespace=self._cluster,
            num_cpus=resources.get("CPU", 0.0),
            memory=int(resources.get("memory", 0.0)),
            scheduling_strategy=strategy,
        )
        return Daemon(spec.name, actor.remote(spec))


def _answer(daemon: Daemon, call: Any) -> DaemonStatus | RaydpError | None:
    try:
        status: DaemonStatus = ray.get(call)
    except ActorDiedError as error:
        return find_raydp_error(error) or ExecutorStartError(
            "A process of the Spark standalone cluster could not be started. Is this version of raydp installed on "
            f"every node? Process: {daemon.name}; {reason_of(error)}"
        )
    except RayError:  # Ray restarts it
        return None
    if status.failure is None:
        return status
    return ExecutorStartError(
        "A process of the Spark standalone cluster does not run: a setting is probably wrong, or the node lacks "
        f"something. Process: {daemon.name}, on {status.host}; {status.failure}"
    )
