"""The implementations of MPI: how each is recognised and what its ``mpirun`` is told."""

from __future__ import annotations

import os
import shutil
import subprocess
from enum import Enum
from typing import TYPE_CHECKING

from raydp.errors import InvalidArgumentError, MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raydp.mpi.context import MPIJobContext

__all__ = ["MPIType", "check_installed", "command_of", "installed_type", "rank_of"]

_VERSION_SECONDS = 20.0
_RANK_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMI_RANK")


class MPIType(Enum):
    """Implementations of MPI by the names that RayDP 1.6 gave them."""

    OPEN_MPI = "openmpi"
    INTEL_MPI = "intel_mpi"
    MPICH = "mpich"

    @classmethod
    def named(cls, name: str) -> MPIType:
        """Return the type of a name.

        Raises:
            InvalidArgumentError: There is no such type.
        """
        try:
            return cls(name.strip().lower())
        except (AttributeError, ValueError):
            names = ", ".join(repr(one.value) for one in cls)
            raise InvalidArgumentError(f"mpi_type must be one of {names}; got: {name!r}") from None


def check_installed(program: str) -> None:
    """Raise MissingRequirementError unless a launcher is on the PATH, or is the path of a program."""
    if shutil.which(program) is None:
        raise MissingRequirementError(
            "An MPI job needs mpirun on the PATH of the driver and of every node; install Open MPI "
            f"(`apt-get install openmpi-bin`) or another MPI. Not found: {program}"
        )


def installed_type(program: str = "mpirun") -> MPIType:
    """Ask a launcher which implementation it belongs to.

    Args:
        program: Its name or path.

    Raises:
        MissingRequirementError: It is not installed, does not answer, or is of a kind not known.
    """
    check_installed(program)
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=_VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingRequirementError(
            f"mpirun does not say its version; check the installation of MPI. {program} --version: {error}"
        ) from error
    answer = done.stdout + done.stderr
    for words, found in (("Open MPI", MPIType.OPEN_MPI), ("Intel", MPIType.INTEL_MPI), ("HYDRA", MPIType.MPICH)):
        if words in answer:
            return found
    raise MissingRequirementError(
        "This mpirun belongs to none of Open MPI, Intel MPI and MPICH; give mpi_script_prepare_fn and mpi_type. "
        f"{program} --version: {answer[:200].strip()}"
    )


def command_of(kind: MPIType, context: MPIJobContext) -> list[str]:
    """Return the command that starts the ranks, without the program that they run."""
    per_node = str(context.num_procs_per_node)
    if kind is MPIType.OPEN_MPI:
        # Ray counts the cores: bound to them by mpirun, the ranks of two jobs would share the first ones.
        command = ["mpirun", "--tag-output", "--bind-to", "none"]
        if os.geteuid() == 0:
            command.append("--allow-run-as-root")
        command += ["-H", ",".join(f"{host}:{per_node}" for host in context.hosts), "-N", per_node]
        for name in context.forwarded:
            command += ["-x", name]
        return command
    return ["mpirun", "-prepend-rank", "-hosts", ",".join(context.hosts), "-ppn", per_node]


def rank_of(environment: Mapping[str, str]) -> int:
    """Return the number of this process among the ranks.

    Raises:
        MissingRequirementError: No launcher of MPI set it.
    """
    for name in _RANK_VARIABLES:
        if name in environment:
            return int(environment[name])
    raise MissingRequirementError(
        f"This process was not started by mpirun, which sets one of {', '.join(_RANK_VARIABLES)}"
    )
