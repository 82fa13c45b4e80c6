"""The environment variables that tell a rank which job it belongs to."""

from __future__ import annotations

__all__ = ["ADDRESS", "JOB", "MAILBOX", "NAMESPACE", "PROGRAM", "TOKEN", "WORLD_SIZE"]

PROGRAM = "raydp.mpi.rank"
"""The module that each rank runs."""

ADDRESS = "RAYDP_MPI_RAY_ADDRESS"
NAMESPACE = "RAYDP_MPI_RAY_NAMESPACE"
MAILBOX = "RAYDP_MPI_MAILBOX"
TOKEN = "RAYDP_MPI_TOKEN"
JOB = "RAYDP_MPI_JOB"
WORLD_SIZE = "RAYDP_MPI_WORLD_SIZE"
