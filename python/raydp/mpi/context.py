"""What functions learn about where they run: those in the ranks, and the one that prepares the command."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MPIJobContext", "WorkerContext"]


@dataclass(frozen=True)
class WorkerContext:
    """What a function is given in each rank.

    Attributes:
        job_id: Name of the job.
        world_rank: Number of this rank, from 0.
        world_size: Number of all.
    """

    job_id: str
    world_rank: int
    world_size: int


@dataclass(frozen=True)
class MPIJobContext:
    """What ``mpi_script_prepare_fn`` is given.

    Attributes:
        hosts: Addresses of the nodes, in order.
        num_procs_per_node: Ranks of each.
        env: Environment of the command.
        forwarded: Names of the variables that the ranks need; a launcher that does not forward its whole environment
            to other nodes must be told them (``-x NAME`` with Open MPI).
    """

    hosts: list[str]
    num_procs_per_node: int
    env: dict[str, str]
    forwarded: list[str] = field(default_factory=list)

    def add_env(self, key: str, value: str) -> None:
        """Set a variable for the ranks."""
        self.env[key] = value
        if key not in self.forwarded:
            self.forwarded.append(key)

    def add_envs(self, envs: Mapping[str, str]) -> None:
        """Set several variables for the ranks."""
        for key, value in envs.items():
            self.add_env(key, value)
