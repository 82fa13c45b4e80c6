"""A program of faults/test_long_freezes.py: processes stand still for longer than others wait for them."""

import os
import signal
import threading

import numpy as np
import psutil
import ray

import raydp
from support.chaos import processes
from support.programs import name_of
from support.scripting import begin_part, eventually, say, start_ray

ROWS = 40
start_ray()
spark = raydp.init_spark(
    "t",
    2,
    1,
    "600m",
    configs={
        "spark.ui.enabled": False,
        "spark.log.level": "ERROR",
        "spark.raydp.archiveClasses": False,
        "spark.executor.heartbeatInterval": "2s",
        "spark.network.timeout": "12s",
        "spark.network.timeoutInterval": "2s",
        "spark.raydp.exchange.timeout": "8",
    },
)
slow = spark.range(0, ROWS, 1, ROWS).selectExpr("java_method('java.lang.Thread', 'sleep', 500L)", "id")
dataset = raydp.from_spark(spark.range(0, 100_000, 1, 8))


def of_ray(name):
    return [one.pid for one in psutil.Process().children(recursive=True) if name_of(one) == name]


def convert():
    parts = ray.get(raydp.from_spark(slow).to_numpy_refs(), timeout=150)
    return bool((np.concatenate([part["id"] for part in parts]) == np.arange(ROWS)).all())


def read():
    return tuple(raydp.to_spark(dataset).selectExpr("count(*)", "sum(id)").first())


def let_run(process):
    if psutil.pid_exists(process):
        os.kill(process, signal.SIGCONT)


def freeze(what, find, seconds):
    begin_part(what)
    converted = []
    converting = threading.Thread(target=lambda: converted.append(convert()))
    converting.start()
    victim = find()[0]
    os.kill(victim, signal.SIGSTOP)
    thaw = threading.Timer(seconds, let_run, [victim])
    thaw.start()
    say("read:", *read())
    converting.join()
    thaw.join()
    say("converted:", *converted)
    say("afterwards:", convert(), *read())
    eventually("two executors", lambda: len(processes.executor_pids()) == 2)


convert()  # starts the agent
freeze("executor", processes.executor_pids, 25)
freeze("agent", processes.agent_pids, 16)
freeze("AppMaster", processes.app_masters, 20)
freeze("head", lambda: of_ray("gcs_server"), 16)
raydp.stop_spark()
ray.shutdown()
