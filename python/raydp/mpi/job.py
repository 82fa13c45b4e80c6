"""An MPI job on Ray: started, given functions, stopped."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import ray
from ray import cloudpickle
from ray.exceptions import GetTimeoutError, RayActorError
from ray.util import placement_group_table, remove_placement_group

from raydp._ray.capacity import reserve_room
from raydp._ray.cluster import join_cluster
from raydp._ray.placement import given_group_settings
from raydp.errors import InvalidArgumentError, MpiError
from raydp.mpi import rank
from raydp.mpi.context import MPIJobContext
from raydp.mpi.flavors import MPIType, check_installed, command_of, installed_type
from raydp.mpi.launcher import Launcher
from raydp.mpi.mailbox import Failure, Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ray.util.placement_group import PlacementGroup

    from raydp.mpi.context import WorkerContext

__all__ = ["JobSpec", "MPIJob"]

_CONTROL_SECONDS = 30.0
_LEAVE_SECONDS = 15.0
_INHERITED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """What is asked for; see :func:`raydp.mpi.create_mpi_job`."""

    job_name: str
    world_size: int
    num_cpus_per_process: int
    num_processes_per_node: int
    mpi_script_prepare_fn: Callable[[MPIJobContext], str | Sequence[str]] | None
    timeout: float
    mpi_type: MPIType | None
    placement_group: PlacementGroup | None
    placement_group_bundle_indexes: tuple[int, ...] | None

    def __post_init__(self) -> None:
        """Raise InvalidArgumentError for the first thing that is wrong."""
        if not isinstance(self.job_name, str) or not self.job_name:
            raise InvalidArgumentError(f"job_name must be a string that is not empty; got: {self.job_name!r}")
        for name in ("world_size", "num_cpus_per_process", "num_processes_per_node"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidArgumentError(f"{name} must be a whole number of at least 1; got: {value!r}")
        if self.world_size % self.num_processes_per_node:
            raise InvalidArgumentError(
                "Every node has the same number of processes, so that world_size must be a multiple of "
                f"num_processes_per_node; got: {self.world_size} and {self.num_processes_per_node}"
            )
        if not self.timeout > 0:
            raise InvalidArgumentError(f"timeout must be a positive number of seconds; got: {self.timeout!r}")
        if self.placement_group is not None:
            given_group_settings(self.placement_group, self.placement_group_bundle_indexes)
            if len(self.bundles) != self.nodes:
                raise InvalidArgumentError(
                    "There must be a bundle for each node, world_size / num_processes_per_node of them; got "
                    f"placement_group_bundle_indexes: {list(self.bundles)}; nodes: {self.nodes}"
                )

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return self.world_size // self.num_processes_per_node

    @property
    def bundles(self) -> tuple[int, ...]:
        """Indexes of the bundles in which the nodes' processes count."""
        if self.placement_group is None or self.placement_group_bundle_indexes is not None:
            return self.placement_group_bundle_indexes or tuple(range(self.nodes))
        return tuple(range(self.placement_group.bundle_count))


@dataclass(frozen=True)
class _Running:
    """What there is of a job between start and stop."""

    token: str
    mailbox: Any
    launcher: Launcher
    own_group: PlacementGroup | None
    addresses: list[str]


class MPIJob:
    """Processes that ``mpirun`` started, which run functions one after the other.

    Also a context manager, which starts and stops it. It may be started again.
    """

    def __init__(self, spec: JobSpec) -> None:
        self._spec = spec
        self._running: _Running | None = None

    def start(self) -> None:
        """Reserve the cores, start the ranks, and wait until all of them have joined; idempotent.

        Raises:
            MissingRequirementError: ``mpirun`` is not installed.
            ClusterError: The cluster has no room.
            MpiError: The ranks did not come up in time; the message has the end of what mpirun printed.
        """
        if self._running is not None:
            return
        spec = self._spec
        kind = self._kind() if spec.mpi_script_prepare_fn is None else None
        join_cluster("ray")
        group = spec.placement_group
        if group is None:
            cores = float(spec.num_cpus_per_process * spec.num_processes_per_node)
            group = reserve_room({"CPU": cores}, spec.nodes, "STRICT_SPREAD", spec.timeout, what="The MPI processes")
        own_group = group if spec.placement_group is None else None
        try:
            self._running = self._launch(kind, group, own_group)
        except BaseException:
            if own_group is not None:
                remove_placement_group(own_group)
            raise

    def run(self, mpi_func: Callable[[WorkerContext], Any], *, timeout: float = 86400.0) -> list[Any]:
        """Run a function in every rank at once.

        Args:
            mpi_func: Called with a :class:`WorkerContext` in each rank, which is connected to Ray. It may use MPI
                (with mpi4py, say).
            timeout: Seconds to wait for all ranks.

        Returns:
            What it returned, in the order of the ranks.

        Raises:
            MpiError: The job is not running; the function raised an error in a rank, or a rank ended; or it took too
                long. The job is stopped then, since other ranks may wait for the lost one.
        """
        running = self._started()
        answers = self._answers(running, mpi_func, timeout)
        if isinstance(answers, Failure):
            self._halt(patience=0.0)
            raise MpiError(
                f"The function raised an error in rank {answers.rank} of {self._spec.world_size}; the job was stopped. "
                f"Job: {self._spec.job_name}\n{answers.trace}"
            )
        if answers is None:
            self._halt(patience=_LEAVE_SECONDS)
            raise MpiError(
                "A rank ended before the function did: it was killed, for want of memory perhaps, or MPI aborted. "
                f"Job: {self._spec.job_name}; {running.launcher.account()}"
            )
        return [cloudpickle.loads(answer) for answer in answers]

    def _answers(
        self, running: _Running, function: Callable[[WorkerContext], Any], timeout: float
    ) -> list[bytes] | Failure | None:
        ref = running.mailbox.call.remote(running.token, cloudpickle.dumps(function))
        try:
            answers: list[bytes] | Failure | None = ray.get(ref, timeout=timeout)
        except GetTimeoutError:
            account = running.launcher.account()
            self._halt(patience=0.0)
            raise MpiError(
                "The function did not end in all ranks in time; look for a rank that waits for a message, or give "
                f"run a larger timeout. Job: {self._spec.job_name}; timeout: {timeout:g} s; {account}"
            ) from None
        except BaseException:  # an interrupt
            self._halt(patience=0.0)
            raise
        return answers

    def get_rank_addresses(self) -> list[str]:
        """Return the address of each rank's node.

        Raises:
            MpiError: The job is not running.
        """
        return list(self._started().addresses)

    def stop(self) -> None:
        """End the ranks and give the cores back; idempotent."""
        self._halt(patience=_LEAVE_SECONDS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _kind(self) -> MPIType:
        found = installed_type()
        if self._spec.mpi_type not in (None, found):
            raise InvalidArgumentError(
                "The mpirun on the PATH belongs to another MPI than mpi_type; leave mpi_type out, or change the PATH. "
                f"mpi_type: {self._spec.mpi_type}; found: {found}"
            )
        return found

    def _launch(self, kind: MPIType | None, group: PlacementGroup, own_group: PlacementGroup | None) -> _Running:
        spec = self._spec
        token, name = secrets.token_hex(32), f"raydp-mpi-{spec.job_name}-{secrets.token_hex(4)}"
        mailbox: Any = (
            ray.remote(Mailbox)
            .options(name=name, num_cpus=0, max_concurrency=4 * spec.world_size + 16)
            .remote(token, spec.world_size)
        )
        context = self._context(token, name, _hosts(group, spec.bundles))
        launcher = Launcher(
            [*self._command(kind, context), sys.executable, "-m", rank.__name__],
            context.env,
            lambda: mailbox.end.remote(token),
        )
        try:
            addresses = ray.get(mailbox.joined.remote(token), timeout=spec.timeout)
        except GetTimeoutError:
            addresses = None
        except BaseException:
            launcher.stop(0.0)
            raise
        if addresses is None:
            account = launcher.account()
            launcher.stop(0.0)
            ray.kill(mailbox)
            raise MpiError(
                "The ranks did not come up: mpirun failed, or they had too little time to join Ray (timeout). Nodes "
                "other than the driver's need what mpirun needs to reach them, ssh by default. "
                f"Job: {spec.job_name}; hosts: {context.hosts}; timeout: {spec.timeout:g} s; {account}"
            )
        return _Running(token, mailbox, launcher, own_group, addresses)

    def _command(self, kind: MPIType | None, context: MPIJobContext) -> list[str]:
        prepare = self._spec.mpi_script_prepare_fn
        if prepare is None:
            return command_of(kind or MPIType.OPEN_MPI, context)
        prepared = prepare(context)
        command = prepared.split() if isinstance(prepared, str) else list(prepared)
        if not command:
            raise InvalidArgumentError("mpi_script_prepare_fn must return a command, as a string or a list")
        check_installed(command[0])
        return command

    def _context(self, token: str, mailbox: str, hosts: list[str]) -> MPIJobContext:
        cluster, spec = join_cluster("ray"), self._spec
        context = MPIJobContext(hosts, spec.num_processes_per_node, dict(os.environ))
        for inherited in _INHERITED:
            if inherited in os.environ:
                context.add_env(inherited, os.environ[inherited])
        context.add_envs(
            {
                "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(spec.num_cpus_per_process)),
                rank.ADDRESS: cluster.address,
                rank.NAMESPACE: cluster.namespace,
                rank.MAILBOX: mailbox,
                rank.TOKEN: token,
                rank.JOB: spec.job_name,
                rank.WORLD_SIZE: str(spec.world_size),
            }
        )
        return context

    def _started(self) -> _Running:
        if self._running is None:
            raise MpiError(f"The job is not running; call start first. Job: {self._spec.job_name}")
        return self._running

    def _halt(self, patience: float) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        try:
            with suppress(RayActorError):  # without their mailbox, the ranks leave by themselves
                ray.get(running.mailbox.end.remote(running.token), timeout=_CONTROL_SECONDS)
        finally:
            running.launcher.stop(patience)
            ray.kill(running.mailbox)
            if running.own_group is not None:
                remove_placement_group(running.own_group)


def _hosts(group: PlacementGroup, bundles: Sequence[int]) -> list[str]:
    """Return the address of each bundle's node."""
    nodes = placement_group_table(group)["bundles_to_node_id"]
    addresses = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes()}
    return [str(addresses[nodes[index]]) for index in bundles]
