"""The program of each rank: joins Ray, and runs the functions that the driver sends until the job ends.

``mpirun`` starts it as ``python -m raydp.mpi.rank``.
"""

from __future__ import annotations

import logging
import os
import threading
import traceback
from typing import Any

import ray
from ray import cloudpickle
from ray.util import get_node_ip_address

from raydp._machine.parent_death import die_with_parent
from raydp.mpi.context import WorkerContext
from raydp.mpi.flavors import rank_of
from raydp.mpi.mailbox import Call, Failure

__all__ = ["ADDRESS", "JOB", "MAILBOX", "NAMESPACE", "TOKEN", "WORLD_SIZE", "main"]

ADDRESS = "RAYDP_MPI_RAY_ADDRESS"
NAMESPACE = "RAYDP_MPI_RAY_NAMESPACE"
MAILBOX = "RAYDP_MPI_MAILBOX"
TOKEN = "RAYDP_MPI_TOKEN"
JOB = "RAYDP_MPI_JOB"
WORLD_SIZE = "RAYDP_MPI_WORLD_SIZE"

_JOIN_SECONDS = 60.0
_END_SECONDS = 10.0


def main() -> None:
    """Serve the job until it ends."""
    die_with_parent(os.getppid())
    token = os.environ.pop(TOKEN)  # not for what the functions start
    context = WorkerContext(os.environ[JOB], rank_of(os.environ), int(os.environ[WORLD_SIZE]))
    ray.init(
        address=os.environ[ADDRESS],
        namespace=os.environ[NAMESPACE],
        log_to_driver=False,
        logging_level=logging.WARNING,
    )
    mailbox: Any = ray.get_actor(os.environ[MAILBOX])
    ray.get(mailbox.join.remote(token, context.world_rank, get_node_ip_address()), timeout=_JOIN_SECONDS)
    watch = threading.Thread(target=_leave_with_the_job, args=(mailbox, token), name="raydp-mpi-end", daemon=True)
    watch.start()
    done = 0
    # No bound but the job's: an actor that has gone ends the wait.
    while (call := ray.get(mailbox.next.remote(token, context.world_rank, done))) is not None:
        answer = _run(call, context)
        done = call.number
        ray.get(mailbox.answer.remote(token, context.world_rank, done, answer), timeout=_JOIN_SECONDS)
    watch.join(_END_SECONDS)  # so that it does not take the end of Ray for that of the mailbox
    ray.shutdown()


def _run(call: Call, context: WorkerContext) -> bytes | Failure:
    try:
        answer: bytes = cloudpickle.dumps(cloudpickle.loads(call.function)(context))
    except Exception:  # whatever the function raises is the driver's to know
        return Failure(context.world_rank, traceback.format_exc())
    return answer


def _leave_with_the_job(mailbox: Any, token: str) -> None:
    """End this process after the job, also in the middle of a function: the driver may have been killed."""
    try:
        ray.get(mailbox.ended.remote(token))
    except ray.exceptions.RayError:
        os._exit(1)  # the mailbox died with the driver
    ending = threading.Timer(_END_SECONDS, os._exit, [1])
    ending.daemon = True
    ending.start()


if __name__ == "__main__":
    main()
