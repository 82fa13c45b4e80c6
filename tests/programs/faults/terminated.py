"""A program of faults/test_going_on.py: it gets a SIGTERM, as from Kubernetes or Slurm, and needs a while to end."""

import atexit
import os
import signal
import time

import raydp
from support import applications
from support.scripting import say, start_ray


def save_for_a_while() -> None:
    time.sleep(5)  # longer than Ray's core gives a process that is told to end
    say("Spark:", applications.driver_process())
    say("saved")


atexit.register(save_for_a_while)  # runs after raydp's own
start_ray()
spark = raydp.init_spark("t", 1, 1, "600m", configs={"spark.ui.enabled": False, "spark.raydp.archiveClasses": False})
say("rows:", raydp.from_spark(spark.range(10)).count())
os.kill(os.getpid(), signal.SIGTERM)
signal.pause()
