"""MPI jobs on the nodes of a Ray cluster, with the API of RayDP 1.6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp._configuration.arguments import suggests_arguments
from raydp.mpi.context import MPIJobContext, WorkerContext
from raydp.mpi.flavors import MPIType
from raydp.mpi.job import JobSpec, MPIJob

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ray.util.placement_group import PlacementGroup

__all__ = ["MPIJob", "MPIJobContext", "MPIType", "WorkerContext", "create_mpi_job"]


@suggests_arguments(name="job_name", ranks="world_size", num_processes="world_size")
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
    """Create an MPI job. This starts nothing; :meth:`MPIJob.start` starts it.

    Args:
        job_name: Name of the job. Each rank gets it.
        world_size: Number of ranks, a multiple of ``num_processes_per_node``.
        num_cpus_per_process: Cores that Ray reserves for each rank, and number of OpenMP threads in each rank.
        num_processes_per_node: Number of ranks on each node.
        mpi_script_prepare_fn: A function that takes an :class:`MPIJobContext` and returns the command that starts the
            ranks, as a list or as a string without quotes; ``None`` (the default): use the default command.
        timeout: Seconds to wait until the cluster has capacity, and then until the ranks have joined; 60 by default.
        mpi_type: ``"openmpi"``, ``"intel_mpi"`` or ``"mpich"``; ``None`` (the default): that of the ``mpirun`` on the
            PATH. It selects the default command, so it has no effect with ``mpi_script_prepare_fn``.
        placement_group: A placement group with a bundle for each node. The job does not remove it. ``None`` (the
            default): the job creates one on different nodes (``STRICT_SPREAD``), and removes it when it stops.
        placement_group_bundle_indexes: The bundles to use, one for each node; ``None`` (the default): all.

    Raises:
        InvalidArgumentError: An argument has a wrong value.
    """
    return MPIJob(
        JobSpec(
            job_name=job_name,
            world_size=world_size,
            num_cpus_per_process=num_cpus_per_process,
            num_processes_per_node=num_processes_per_node,
            mpi_script_prepare_fn=mpi_script_prepare_fn,
            timeout=timeout,
            mpi_type=None if mpi_type is None else MPIType.from_name(mpi_type),
            placement_group=placement_group,
            placement_group_bundle_indexes=(
                None if placement_group_bundle_indexes is None else tuple(placement_group_bundle_indexes)
            ),
        )
    )
