"""A program of mpi/test_mpi.py."""

import threading

from raydp.mpi import create_mpi_job
from support.scripting import start_ray


def wait(context):
    print("a rank waits", flush=True)
    threading.Event().wait(600)


start_ray(num_cpus=2)
with create_mpi_job("test", 2, 1, 2) as job:
    job.run(wait)
