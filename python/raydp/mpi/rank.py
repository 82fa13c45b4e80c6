"""The program of each rank: join Ray, and run the functions that the driver sends until the job ends.

``mpirun`` starts it as ``python -m raydp.mpi.rank``. No other module imports it: Python would warn in each rank that it
is imported twice.
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

from raydp._machine.own_environment import take_secret
from raydp._machine.parent_death import die_with_parent
from raydp.mpi.context import WorkerContext
from raydp.mpi.flavors import read_rank
from raydp.mpi.mailbox import Call, Failure
from raydp.mpi.variables import ADDRESS, JOB, MAILBOX, NAMESPACE, TOKEN, WORLD_SIZE

__all__ = ["main"]

_JOIN_SECONDS = 60.0
_END_SECONDS = 10.0


def main() -> None:
    """Run the job's functions until it ends."""
    die_with_parent(os.getppid())
    token = take_secret(TOKEN)  # processes that the functions start must not get it
    context = WorkerContext(os.environ[JOB], read_rank(os.environ), int(os.environ[WORLD_SIZE]))
    ray.init(
        address=os.environ[ADDRESS],
        namespace=os.environ[NAMESPACE],
        log_to_driver=False,
        logging_level=logging.WARNING,
    )
    mailbox: Any = ray.get_actor(os.environ[MAILBOX])
    ray.get(mailbox.join.remote(token, context.world_rank, get_node_ip_address()), timeout=_JOIN_SECONDS)
    watch = threading.Thread(target=_exit_with_job, args=(mailbox, token), name="raydp-mpi-end", daemon=True)
    watch.start()
    done = 0
    # This waits as long as the job lasts. If the actor dies, ray.get raises an error.
    while (call := ray.get(mailbox.next.remote(token, context.world_rank, done))) is not None:
        answer = _run(call, context)
        done = call.number
        ray.get(mailbox.answer.remote(token, context.world_rank, done, answer), timeout=_JOIN_SECONDS)
    watch.join(_END_SECONDS)  # before Ray shuts down, which would look like the mailbox's death
    ray.shutdown()


def _run(call: Call, context: WorkerContext) -> bytes | Failure:
    try:
        answer: bytes = cloudpickle.dumps(cloudpickle.loads(call.function)(context))
    except Exception:  # the driver raises it
        return Failure(context.world_rank, traceback.format_exc())
    return answer


def _exit_with_job(mailbox: Any, token: str) -> None:
    """Exit this process after the job has ended, even while a function runs: the driver may have been killed."""
    try:
        ray.get(mailbox.await_end.remote(token))
    except ray.exceptions.RayError:
        os._exit(1)  # the mailbox died with the driver
    ending = threading.Timer(_END_SECONDS, os._exit, [1])
    ending.daemon = True
    ending.start()


if __name__ == "__main__":
    main()
