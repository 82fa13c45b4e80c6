"""Where RayDP 1.6 defined MPI jobs. One class is for all kinds of MPI: ``create_mpi_job(..., mpi_type=...)``."""

from __future__ import annotations

from raydp.mpi.context import MPIJobContext
from raydp.mpi.flavors import MPIType
from raydp.mpi.job import MPIJob

__all__ = ["MPIJob", "MPIJobContext", "MPIType"]
