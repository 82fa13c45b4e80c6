"""MPI jobs on the nodes of a Ray cluster, with the functions of RayDP 1.6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp.mpi.context import MPIJobContext, WorkerContext
from raydp.mpi.flavors import MPIType
from raydp.mpi.job import JobSpec, MPIJob

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ray.util.placement_group import PlacementGroup

__all__ = ["MPIJob", "MPIJobContext", "MPIType", "WorkerContext", "create_mpi_job"]


def create_mpi_job(
    job_name: str,
    world_size: int,
    num_cpus_per_process: int,
    num_processes_per_node: int,
    mpi_script_prepare_fn: Callable[[MPIJobContext], str | Sequence[str]] | None = None,
    timeout: float = 60.0,
    mpi_type: str | None = None,
    placement_group: PlacementGroup | None = None,
    placement_group_bundle_indexes: Sequence[int] | None = None,
) -> MPIJob:
    """Describe an MPI job; nothing is started yet.

    Args:
        job_name: Its name, given to each rank.
        world_size: Number of ranks, a multiple of ``num_processes_per_node``.
        num_cpus_per_process: Cores that Ray counts for each rank, and threads that OpenMP has there.
        num_processes_per_node: Ranks of each node.
        mpi_script_prepare_fn: Called with an :class:`MPIJobContext`, returns the command that starts the ranks, as a
            list or a string without quotes, instead of the default one.
        timeout: Seconds to wait for the cluster's room, and for the ranks to join.
        mpi_type: ``"openmpi"``, ``"intel_mpi"`` or ``"mpich"``; by default that of the ``mpirun`` on the PATH.
            It says what the default command is, and so has no effect with ``mpi_script_prepare_fn``.
        placement_group: A group that has a bundle per node; by default the job makes one, of nodes that differ
            (``STRICT_SPREAD``), and removes it at its end. The group given is not removed.
        placement_group_bundle_indexes: Its bundles to use, one per node; by default all.

    Raises:
        InvalidArgumentError: An argument is wrong.
    """
    return MPIJob(
        JobSpec(
            job_name=job_name,
            world_size=world_size,
            num_cpus_per_process=num_cpus_per_process,
            num_processes_per_node=num_processes_per_node,
            mpi_script_prepare_fn=mpi_script_prepare_fn,
            timeout=timeout,
            mpi_type=None if mpi_type is None else MPIType.named(mpi_type),
            placement_group=placement_group,
            placement_group_bundle_indexes=(
                None if placement_group_bundle_indexes is None else tuple(placement_group_bundle_indexes)
            ),
        )
    )
