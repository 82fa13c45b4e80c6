"""An MPI job on Ray: start it, run functions in its ranks, and stop it."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import ray
from ray import cloudpickle
from ray.exceptions import GetTimeoutError, RayActorError
from ray.util import get_node_ip_address, placement_group_table, remove_placement_group

from raydp._configuration.arguments import check_whole_number
from raydp._ray.capacity import reserve_capacity
from raydp._ray.cluster import join_cluster
from raydp._ray.placement import given_group_settings
from raydp.errors import InvalidArgumentError, MpiError
from raydp.mpi import variables
from raydp.mpi.context import MPIJobContext
from raydp.mpi.flavors import MPIType, build_command, check_installed, detect_type
from raydp.mpi.launcher import Launcher
from raydp.mpi.loopback import SHARED_MEMORY_ONLY, kept_from_other_machines
from raydp.mpi.mailbox import Failure, Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ray.util.placement_group import PlacementGroup

    from raydp.mpi.context import WorkerContext

__all__ = ["JobSpec", "MPIJob"]

_CONTROL_SECONDS = 30.0
_LEAVE_SECONDS = 15.0
_FORWARDED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """The arguments of :func:`raydp.mpi.create_mpi_job`, which documents them."""

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
        """Raise InvalidArgumentError for the first argument that is wrong."""
        if not isinstance(self.job_name, str) or not self.job_name:
            raise InvalidArgumentError(f"job_name must be a non-empty string; got: {self.job_name!r}")
        for name in ("world_size", "num_cpus_per_process", "num_processes_per_node"):
            object.__setattr__(self, name, check_whole_number(name, getattr(self, name)))
        if self.world_size % self.num_processes_per_node:
            raise InvalidArgumentError(
                "Every node has the same number of processes, so world_size must be a multiple of "
                f"num_processes_per_node; got: {self.world_size} and {self.num_processes_per_node}"
            )
        if not self.timeout > 0:
            raise InvalidArgumentError(f"timeout must be a positive number of seconds; got: {self.timeout!r}")
        if self.placement_group is not None:
            given_group_settings(self.placement_group, self.placement_group_bundle_indexes)
            if len(self.bundles) != self.nodes:
                raise InvalidArgumentError(
                    "There must be one bundle for each of the world_size / num_processes_per_node nodes. "
                    f"placement_group_bundle_indexes: {list(self.bundles)}; nodes: {self.nodes}"
                )

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return self.world_size // self.num_processes_per_node

    @property
    def bundles(self) -> tuple[int, ...]:
        """Indexes of the bundles that reserve the nodes' cores."""
        if self.placement_group is None or self.placement_group_bundle_indexes is not None:
            return self.placement_group_bundle_indexes or tuple(range(self.nodes))
        return tuple(range(self.placement_group.bundle_count))


@dataclass(frozen=True)
class _RunningJob:
    """What a job has between start and stop."""

    token: str
    mailbox: Any
    launcher: Launcher
    own_group: PlacementGroup | None
    addresses: list[str]


class MPIJob:
    """A group of processes that ``mpirun`` starts. They run one function after the other.

    As a context manager, it starts the job and stops it. A stopped job can be started again.
    """

    def __init__(self, spec: JobSpec) -> None:
        self._spec = spec
        self._running: _RunningJob | None = None

    def start(self) -> None:
        """Reserve the cores, start the ranks, and wait until all of them have joined.

        If the job is already running, this does nothing.

        Raises:
            MissingRequirementError: ``mpirun`` is not installed.
            InvalidArgumentError: ``mpirun`` belongs to another implementation than ``mpi_type``.
            ClusterError: The cluster has no capacity for the job.
            MpiError: The ranks did not join in time. The message has the last lines that mpirun printed.
        """
        if self._running is not None:
            return
        spec = self._spec
        kind = self._detect_type() if spec.mpi_script_prepare_fn is None else None
        join_cluster("ray")
        group = spec.placement_group
        if group is None:
            cores = float(spec.num_cpus_per_process * spec.num_processes_per_node)
            group = reserve_capacity(
                {"CPU": cores}, spec.nodes, "STRICT_SPREAD", spec.timeout, what="The MPI processes"
            )
        own_group = group if spec.placement_group is None else None
        try:
            self._running = self._launch(kind, group, own_group)
        except BaseException:
            if own_group is not None:
                remove_placement_group(own_group)
            raise

    def run(self, mpi_func: Callable[[WorkerContext], Any], *, timeout: float = 86400.0) -> list[Any]:
        """Run a function in all ranks at the same time.

        Args:
            mpi_func: A function that takes a :class:`WorkerContext`. The ranks are connected to Ray, and the function
                can use MPI, for example with mpi4py.
            timeout: Seconds to wait for all ranks; one day by default.

        Returns:
            The results of the function, in the order of the ranks.

        Raises:
            MpiError: The job is not running, the function raised an error in a rank, a rank ended, or the function
                took too long. The job is then stopped, because other ranks may wait for the failed one.
        """
        running = self._require_running()
        answers = self._call_ranks(running, mpi_func, timeout)
        if isinstance(answers, Failure):
            self._halt(patience=0.0)
            raise MpiError(
                f"The function raised an error in rank {answers.rank} of {self._spec.world_size}; the job was stopped. "
                f"Job: {self._spec.job_name}\n{answers.trace}"
            )
        if answers is None:
            self._halt(patience=_LEAVE_SECONDS)
            raise MpiError(
                "A rank ended before the function did. It was killed, perhaps because memory ran out, or MPI aborted. "
                f"Job: {self._spec.job_name}; {running.launcher.describe_output()}"
            )
        return [cloudpickle.loads(answer) for answer in answers]

    def _call_ranks(
        self, running: _RunningJob, function: Callable[[WorkerContext], Any], timeout: float
    ) -> list[bytes] | Failure | None:
        ref = running.mailbox.call.remote(running.token, cloudpickle.dumps(function))
        try:
            answers: list[bytes] | Failure | None = ray.get(ref, timeout=timeout)
        except GetTimeoutError:
            output = running.launcher.describe_output()
            self._halt(patience=0.0)
            raise MpiError(
                "The function did not end in all ranks in time. Look for a rank that waits for a message, or pass a "
                f"larger timeout to run. Job: {self._spec.job_name}; timeout: {timeout:g} s; {output}"
            ) from None
        except BaseException:  # such as an interrupt
            self._halt(patience=0.0)
            raise
        return answers

    def get_rank_addresses(self) -> list[str]:
        """Return the address of each rank's node.

        Raises:
            MpiError: The job is not running.
        """
        return list(self._require_running().addresses)

    def stop(self) -> None:
        """End the ranks and release the cores. If the job is not running, this does nothing."""
        self._halt(patience=_LEAVE_SECONDS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _detect_type(self) -> MPIType:
        found = detect_type()
        if self._spec.mpi_type not in (None, found):
            raise InvalidArgumentError(
                "The mpirun on the PATH belongs to another MPI than mpi_type; remove mpi_type, or change the PATH. "
                f"mpi_type: {self._spec.mpi_type}; found: {found}"
            )
        return found

    def _launch(self, kind: MPIType | None, group: PlacementGroup, own_group: PlacementGroup | None) -> _RunningJob:
        spec = self._spec
        token, name = secrets.token_hex(32), f"raydp-mpi-{spec.job_name}-{secrets.token_hex(4)}"
        mailbox: Any = (
            ray.remote(Mailbox)
            .options(name=name, num_cpus=0, max_concurrency=4 * spec.world_size + 16)
            .remote(token, spec.world_size)
        )
        context = self._make_context(token, name, _find_hosts(group, spec.bundles))
        launcher = Launcher(
            [*self._make_command(kind, context), sys.executable, "-m", variables.PROGRAM],
            context.env,
            lambda: mailbox.end.remote(token),
        )
        guard = kept_from_other_machines(launcher.process_id) if _are_all_here(context.hosts) else nullcontext()
        try:
            with guard:
                addresses = ray.get(mailbox.await_ranks.remote(token), timeout=spec.timeout)
        except GetTimeoutError:
            addresses = None
        except BaseException:
            launcher.stop(0.0)
            raise
        if addresses is None:
            output = launcher.describe_output()
            launcher.stop(0.0)
            ray.kill(mailbox)
            raise MpiError(
                "The ranks did not start: mpirun failed, or they did not join Ray before the timeout. mpirun must be "
                "able to reach the nodes other than the driver's, by default with ssh. "
                f"Job: {spec.job_name}; hosts: {context.hosts}; timeout: {spec.timeout:g} s; {output}"
            )
        return _RunningJob(token, mailbox, launcher, own_group, addresses)

    def _make_command(self, kind: MPIType | None, context: MPIJobContext) -> list[str]:
        prepare = self._spec.mpi_script_prepare_fn
        if prepare is None:
            return build_command(kind or MPIType.OPEN_MPI, context)
        prepared = prepare(context)
        command = prepared.split() if isinstance(prepared, str) else list(prepared)
        if not command:
            raise InvalidArgumentError("mpi_script_prepare_fn must return a command, as a string or a list")
        check_installed(command[0])
        return command

    def _make_context(self, token: str, mailbox: str, hosts: list[str]) -> MPIJobContext:
        cluster, spec = join_cluster("ray"), self._spec
        context = MPIJobContext(hosts, spec.num_processes_per_node, dict(os.environ))
        for name in _FORWARDED:
            if name in os.environ:
                context.add_env(name, os.environ[name])
        context.add_envs(
            {
                "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(spec.num_cpus_per_process)),
                variables.ADDRESS: cluster.address,
                variables.NAMESPACE: cluster.namespace,
                variables.MAILBOX: mailbox,
                variables.TOKEN: token,
                variables.JOB: spec.job_name,
                variables.WORLD_SIZE: str(spec.world_size),
            }
        )
        if _are_all_here(hosts):
            context.env.update({**SHARED_MEMORY_ONLY, **context.env})  # a choice of the user's wins
        return context

    def _require_running(self) -> _RunningJob:
        if self._running is None:
            raise MpiError(f"The job is not running; call start first. Job: {self._spec.job_name}")
        return self._running

    def _halt(self, patience: float) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        try:
            with suppress(RayActorError):  # if the mailbox is gone, the ranks end by themselves
                ray.get(running.mailbox.end.remote(running.token), timeout=_CONTROL_SECONDS)
        finally:
            running.launcher.stop(patience)
            ray.kill(running.mailbox)
            if running.own_group is not None:
                remove_placement_group(running.own_group)


def _find_hosts(group: PlacementGroup, bundles: Sequence[int]) -> list[str]:
    """Return the address of each bundle's node."""
    nodes = placement_group_table(group)["bundles_to_node_id"]
    addresses = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes()}
    return [str(addresses[nodes[index]]) for index in bundles]


def _are_all_here(hosts: Sequence[str]) -> bool:
    """Tell whether all ranks run on this machine."""
    return set(hosts) == {get_node_ip_address()}
