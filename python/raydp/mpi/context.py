"""The arguments of the user's functions: of those that run in ranks, and of the one that prepares the command."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MPIJobContext", "WorkerContext"]


@dataclass(frozen=True)
class WorkerContext:
    """The argument of a function that runs in a rank.

    Attributes:
        job_id: Name of the job.
        world_rank: This rank's number, from 0.
        world_size: Number of ranks.
    """

    job_id: str
    world_rank: int
    world_size: int


@dataclass(frozen=True)
class MPIJobContext:
    """The argument of ``mpi_script_prepare_fn``.

    Attributes:
        hosts: Addresses of the nodes, in order.
        num_procs_per_node: Number of ranks on each node.
        env: Environment variables of the command.
        forwarded: Names of the variables that the ranks need. If the launcher does not forward its environment to
            other nodes, put these names into the command (``-x NAME`` with Open MPI).
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
