"""The implementations of MPI: how to detect each one, and the command that starts its ranks."""

from __future__ import annotations

import os
import shutil
import subprocess
from enum import Enum
from typing import TYPE_CHECKING

from raydp._configuration.suggestions import did_you_mean, got
from raydp.errors import InvalidArgumentError, MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raydp.mpi.context import MPIJobContext

__all__ = ["MPIType", "build_command", "check_installed", "detect_type", "read_rank"]

_VERSION_SECONDS = 20.0
_RANK_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMI_RANK")


class MPIType(Enum):
    """Implementations of MPI, with the names that they had in RayDP 1.6."""

    OPEN_MPI = "openmpi"
    INTEL_MPI = "intel_mpi"
    MPICH = "mpich"

    @classmethod
    def from_name(cls, name: str) -> MPIType:
        """Return the type with a name, in any case.

        Raises:
            InvalidArgumentError: There is no type of this name.
        """
        try:
            return cls(name.strip().lower())
        except (AttributeError, ValueError):
            names = ", ".join(repr(one.value) for one in cls)
            hint = did_you_mean(name, [one.value for one in cls])
            raise InvalidArgumentError(f"mpi_type must be one of {names}{got(repr(name), hint=hint)}") from None


def check_installed(program: str) -> None:
    """Raise MissingRequirementError if a launcher is not on the PATH, or if its path does not exist."""
    if shutil.which(program) is None:
        raise MissingRequirementError(
            "An MPI job needs mpirun on the PATH of the driver and of every node. Install Open MPI "
            f"(`apt-get install openmpi-bin`) or another MPI. Not found: {program}"
        )


def detect_type(program: str = "mpirun") -> MPIType:
    """Return the implementation to which a launcher belongs.

    Args:
        program: Name or path of the launcher.

    Raises:
        MissingRequirementError: The launcher is not installed, does not run, or belongs to an unknown implementation.
    """
    check_installed(program)
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=_VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingRequirementError(
            f"mpirun does not print its version; check the installation of MPI. {program} --version: {error}"
        ) from error
    answer = done.stdout + done.stderr
    for words, found in (("Open MPI", MPIType.OPEN_MPI), ("Intel", MPIType.INTEL_MPI), ("HYDRA", MPIType.MPICH)):
        if words in answer:
            return found
    raise MissingRequirementError(
        "This mpirun belongs to none of Open MPI, Intel MPI and MPICH; set mpi_script_prepare_fn. "
        f"{program} --version: {answer[:200].strip()}"
    )


def build_command(kind: MPIType, context: MPIJobContext) -> list[str]:
    """Return the command that starts the ranks, without the program that they run."""
    per_node = str(context.num_procs_per_node)
    if kind is MPIType.OPEN_MPI:
        # Ray reserves the cores. If mpirun bound ranks to cores, the ranks of two jobs would share the first ones.
        command = ["mpirun", "--tag-output", "--bind-to", "none"]
        if os.geteuid() == 0:
            command.append("--allow-run-as-root")
        command += ["-H", ",".join(f"{host}:{per_node}" for host in context.hosts), "-N", per_node]
        for name in context.forwarded:
            command += ["-x", name]
        return command
    return ["mpirun", "-prepend-rank", "-hosts", ",".join(context.hosts), "-ppn", per_node]


def read_rank(environment: Mapping[str, str]) -> int:
    """Return the rank of this process, from the variable that the launcher sets.

    Raises:
        MissingRequirementError: There is no such variable.
    """
    for name in _RANK_VARIABLES:
        if name in environment:
            return int(environment[name])
    raise MissingRequirementError(f"mpirun did not start this process: none of {', '.join(_RANK_VARIABLES)} is set")
