"""The public object of a standalone cluster, and its end."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from raydp._configuration.arguments import check_whole_number, suggests_arguments
from raydp._machine.descriptions import describe_html, describe_text
from raydp._machine.interrupts import interrupts_deferred
from raydp._ray import internals as _ray_internals
from raydp._ray.closing import close_in_thread
from raydp._standalone.sizes import check_room
from raydp.errors import ClusterError, InvalidArgumentError, RaydpError, SessionError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from raydp._machine.folder_guard import FolderGuard
    from raydp._machine.port_reservation import PortReservation
    from raydp._ray.cluster import RayCluster
    from raydp._standalone.daemon_actor import DaemonStatus
    from raydp._standalone.daemons import Daemon, Daemons
    from raydp._standalone.master_client import MasterClient, MasterState
    from raydp._standalone.sizes import WorkerSize

__all__ = ["ClusterParts", "StandaloneCluster", "check_timeout", "find_cluster", "has_ended"]

_logger = logging.getLogger(__name__)
_LOOK_SECONDS = 0.3
_ASK_SECONDS = 5.0
_SHOW_SECONDS = 1.0
_END_SECONDS = 60.0
_LONGEST_TIMEOUT_SECONDS = 7 * 24 * 3600.0

_running: dict[str, StandaloneCluster] = {}
"""The clusters of this process that run, by the URLs of their masters."""
_ended: set[str] = set()
"""The URLs of the masters of those that have run."""


@dataclass(frozen=True)
class ClusterParts:
    """What a cluster consists of.

    Attributes:
        ray: The Ray cluster in which it runs.
        master_url: URL of its master.
        ui_url: Link to the master's UI, with the token that opens it.
        properties_file: What its clients need.
        settings: What is in it.
        size: Size of each worker.
        daemons: Its actors.
        client: Asks its master.
        ports: The ports of its master.
        guard: Deletes the folder with the properties file and what the master keeps.
    """

    ray: RayCluster
    master_url: str
    ui_url: str
    properties_file: Path
    settings: Mapping[str, str]
    size: WorkerSize
    daemons: Daemons
    client: MasterClient
    ports: tuple[PortReservation, ...]
    guard: FolderGuard


class StandaloneCluster:
    """A Spark standalone cluster in Ray: :func:`raydp.start_standalone` returns it.

    Use it in a ``with`` statement to stop it at its end. It also ends with the program, and with ``ray.shutdown()``.

    Attributes:
        master_url: URL of the master, ``spark://HOST:PORT``. It stays the same if the master is lost and comes back.
        properties_file: What an application needs to run on the cluster, for ``spark-submit --properties-file``. It
            contains secrets, so only this user can read it.
        ui_url: Link to the master's web page, with the token that opens it.
    """

    def __init__(self, parts: ClusterParts) -> None:
        self.master_url = parts.master_url
        self.properties_file = parts.properties_file
        self.ui_url = parts.ui_url
        self._parts = parts
        self._desired = 0
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        _running[self.master_url] = self

    @property
    def num_workers(self) -> int:
        """How many workers it is to have. Those that are lost are replaced."""
        return self._desired

    @property
    def is_stopped(self) -> bool:
        """Whether it was stopped, or this process has left its Ray cluster."""
        return self._stopped.is_set() or not self._parts.ray.is_joined()

    @property
    def settings(self) -> dict[str, str]:
        """What is in the properties file, with the secrets."""
        return dict(self._parts.settings)

    @suggests_arguments(n="num_workers", count="num_workers", timeout="timeout_seconds")
    def scale(self, num_workers: int, *, timeout_seconds: float = 60.0) -> int:
        """Set the number of workers, and wait until it is reached or the timeout passes.

        Workers that run no executors end first. If others must end, Spark runs the lost tasks again elsewhere. Workers
        that Ray cannot place yet stay requested, and its autoscaler sees them.

        Args:
            num_workers: Number of workers, 0 or more. With 0, applications wait.
            timeout_seconds: How long to wait; 0 does not wait.

        Returns:
            How many workers the master has now.

        Raises:
            InvalidArgumentError: The number or the timeout is out of range.
            SessionError: The cluster was stopped.
            ClusterError: The Ray cluster can never hold so many, or is gone.
            ExecutorStartError: A worker, or the master, does not run. The message ends with the last lines of its log.
        """
        num_workers = check_whole_number("num_workers", num_workers, least=0)
        check_timeout(timeout_seconds)
        deadline = time.monotonic() + timeout_seconds
        with self._lock:
            self._check_running()
            if num_workers > self._desired:
                check_room(self._parts.size, num_workers)
            daemons = self._parts.daemons
            surplus = len(daemons.workers) - num_workers
            if surplus > 0:
                daemons.end(self._choose_least_used(surplus))
            daemons.add_workers(max(0, -surplus))
            self._desired = num_workers
        return self._await_workers(num_workers, deadline)

    def stop(self) -> None:
        """End the workers with their executors, and the master. Idempotent.

        Applications that run on the cluster lose their executors. It is no error if Ray has ended before.
        """
        _ray_internals.outlast_termination()
        with interrupts_deferred():
            with self._lock:
                if self._stopped.is_set():
                    return
                self._stopped.set()
            _running.pop(self.master_url, None)
            _ended.add(self.master_url)
            what = f"the Spark standalone cluster {self.master_url}"
            close_in_thread(self._end_daemons, "raydp-standalone-end", _END_SECONDS, what)
            self._parts.guard.delete()
            for port in self._parts.ports:
                port.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<StandaloneCluster; {describe_text(self._describe())}>"

    def _repr_html_(self) -> str:
        return describe_html("Spark standalone cluster on Ray", self._describe())

    def _describe(self) -> dict[str, str]:
        if self.is_stopped:
            return {"state": "stopped", "master": self.master_url}
        state = self._ask(_SHOW_SECONDS)
        found = "its master does not answer" if state is None else f"{len(state.workers)} of {self._desired}"
        return {
            "state": "running",
            "master": self.master_url,
            "workers": f"{found}; {self._parts.size}",
            "applications": "unknown" if state is None else ", ".join(state.applications) or "none",
            "Ray": self._parts.ray.address,
        }

    def _await_workers(self, count: int, deadline: float) -> int:
        while True:
            self._check_running()
            for status in self._parts.daemons.statuses().values():
                if isinstance(status, RaydpError):
                    raise status
            state = self._ask(_ASK_SECONDS)
            found = 0 if state is None else len(state.workers)
            if (state is not None and found == count) or time.monotonic() >= deadline:
                return found
            self._stopped.wait(_LOOK_SECONDS)

    def _ask(self, timeout: float) -> MasterState | None:
        return self._parts.client.ask(timeout)

    def _check_running(self) -> None:
        if self.is_stopped:
            raise SessionError(
                "This Spark standalone cluster was stopped, by stop() or with its Ray cluster. Start another one with "
                f"raydp.start_standalone(...). Master: {self.master_url}"
            )
        loss = self._parts.ray.find_loss()
        if loss is not None:
            raise ClusterError(
                f"The Ray cluster that runs this Spark standalone cluster is gone: {loss}. Call stop() and "
                "ray.shutdown(); after that, raydp.start_standalone(...) connects to another one or starts one. "
                f"Master: {self.master_url}"
            )

    def _choose_least_used(self, count: int) -> list[Daemon]:
        """Return workers to end: first those that the master does not have, then those with few executors' cores."""
        state, statuses = self._ask(_ASK_SECONDS), self._parts.daemons.statuses()
        used = {} if state is None else {(one.host, one.port): one.cores_used for one in state.workers}

        def cores(status: DaemonStatus | RaydpError | None) -> int:
            if status is None or isinstance(status, RaydpError):
                return -1
            return max((used.get((status.host, port), -1) for port in status.ports), default=-1)

        newest_first = self._parts.daemons.workers[::-1]
        return sorted(newest_first, key=lambda daemon: cores(statuses.get(daemon)))[:count]

    def _end_daemons(self) -> None:
        try:
            if self._parts.ray.can_be_called() and self._parts.ray.answers():
                with _ray_internals.without_starting_ray():
                    self._parts.daemons.end_all()
        except Exception as error:  # Ray has ended before
            _logger.info("A part of the Spark standalone cluster %s had ended before: %s", self.master_url, error)


def check_timeout(seconds: float) -> None:
    """Raise InvalidArgumentError if the argument ``timeout_seconds`` is none."""
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 0 <= seconds <= _LONGEST_TIMEOUT_SECONDS:
        raise InvalidArgumentError(f"timeout_seconds must be a number between 0 and a week; got: {seconds!r}")


def find_cluster(master_url: str) -> StandaloneCluster | None:
    """Return the running cluster of this process that has this master, or ``None``."""
    return _running.get(master_url)


def has_ended(master_url: str) -> bool:
    """Tell whether a cluster of this process had this master, and was stopped."""
    return master_url in _ended and master_url not in _running


def _stop_all() -> None:
    """Stop the clusters because this process exits, or leaves Ray."""
    for cluster in list(_running.values()):
        cluster.stop()


atexit.register(_stop_all)
_ray_internals.call_before_shutdown(_stop_all)
_ray_internals.limit_automatic_start()
os.register_at_fork(after_in_child=_running.clear)  # a forked child must not end what its parent uses
