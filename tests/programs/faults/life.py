"""A program of faults/test_sequences.py: does what its standard input says, one command per line, and answers each."""

import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable

import ray
from pyspark.sql import DataFrame

import raydp
from support import applications
from support.scripting import kill_process_of_ray, start_ray

ROWS = 100
SETTINGS = {"spark.ui.enabled": False, "spark.raydp.banner": False, "spark.raydp.archiveClasses": False}
latest: list[DataFrame] = []
"""A frame of the session that was started last."""


def start() -> str:
    if not ray.is_initialized():
        start_ray()
    spark = raydp.init_spark("t", 1, 1, "600m", configs=SETTINGS)
    latest[:] = [spark.range(ROWS)]
    return str(latest[0].count())


def interrupt_start() -> str:
    """Press Ctrl-C at a random moment of a start."""
    if not ray.is_initialized():
        start_ray()
    timer = threading.Timer(random.uniform(0.0, 6.0), os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        start()
        timer.join()
    finally:
        timer.cancel()
    return "not interrupted"


def convert() -> str:
    return str(raydp.to_spark(ray.data.from_spark(latest[0])).count())


def stop_during_conversion() -> str:
    """Stop Spark while another thread converts. Says how the conversion ended."""
    outcome = []

    def run() -> None:
        outcome.append(answer_to(convert))

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(random.uniform(0.0, 1.0))  # waits for nothing: the stop comes at a random moment
    raydp.stop_spark()
    thread.join(60)
    return outcome[0] if outcome else "HANGS"


def kill_jvm() -> None:
    process = applications.driver_process()
    assert process is not None
    process.kill()
    process.wait()


def freeze_jvm() -> None:
    process = applications.driver_process()
    assert process is not None
    process.send_signal(signal.SIGSTOP)


def lose_ray() -> str:
    """Kill Ray's head, or the raylet; say what a conversion and a start then say; leave Ray."""
    kill_process_of_ray(random.choice(["gcs_server", "raylet"]))
    said = [answer_to(convert) if latest else "SessionError: never started", answer_to(start)]
    ray.shutdown()
    return "\n".join(said)


def do(action: Callable[[], object]) -> Callable[[], str]:
    def run() -> str:
        action()
        return "done"

    return run


COMMANDS: dict[str, Callable[[], str]] = {
    "start": start,
    "interrupt_start": interrupt_start,
    "convert": convert,
    "stop_during_conversion": stop_during_conversion,
    "kill_jvm": do(kill_jvm),
    "freeze_jvm": do(freeze_jvm),
    "lose_ray": lose_ray,
    "shut_ray_down": do(lambda: ray.shutdown()),  # raydp wraps it when the first session starts
    "stop": do(raydp.stop_spark),
    "stop_session": do(lambda: latest[0].sparkSession.stop()),
}


def answer_to(action: Callable[[], str]) -> str:
    try:
        return action()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


random.seed(int(sys.argv[1]))
for line in sys.stdin:
    begin = time.monotonic()
    said = answer_to(COMMANDS[line.strip()])
    state = {
        "said": said,
        "seconds": time.monotonic() - begin,
        "ray": ray.is_initialized(),
        "state": applications.state(),
        "jvm": (process := applications.driver_process()) is not None and process.poll() is None,
    }
    print(json.dumps(state), flush=True)
