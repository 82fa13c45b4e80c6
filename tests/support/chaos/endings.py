"""Ends an application by killing what it cannot live without: all of it says so, and the program goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil
import ray

import raydp
from raydp.errors import RaydpError, SessionError
from support.applications import driver_process
from support.chaos.jobs import READS_BLOCKS, WAITS_FOR_RAY
from support.chaos.plan import Target
from support.chaos.record import say
from support.chaos.survival import JOB_SECONDS, find_victims

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from support.chaos.cluster import ChaosCluster
    from support.chaos.plan import Fault
    from support.chaos.work import Work

__all__ = ["end_by"]

# What a conversion says afterwards.
_WORDS = {
    Target.JVM: "the driver's JVM",
    Target.HEAD: "the head of the Ray cluster (its GCS) has ended",
    Target.RAYLET: "the raylet of this machine's Ray node has ended",
}
# Documented, and twice that for a machine with other work.
_CONVERSION_SECONDS = 60.0
_DEATH_SECONDS = 60.0
_STOP_SECONDS = 60.0
_OTHER_SECONDS = 120.0


def end_by(fault: Fault, spark: SparkSession, cluster: ChaosCluster, work: Work) -> float:
    """Kill it while jobs run, and stop Spark; return when it was killed. The caller leaves Ray.

    Each job that runs gives its result or a promised error. So does a conversion afterwards. Then Spark can be stopped.
    """
    time.sleep(fault.delay)
    is_of_ray = fault.target is not Target.JVM
    if is_of_ray:
        work.leave_out(WAITS_FOR_RAY if fault.target is Target.HEAD else READS_BLOCKS, JOB_SECONDS)
    (victim,) = find_victims(fault.target, cluster)
    running = work.running()
    say(f"{fault.kind} {victim}; running: {sorted(running.values())}")
    # The jobs call functions of Ray themselves.
    work.expect(RaydpError, *([ray.exceptions.RayError] if is_of_ray else []))
    started = time.time()
    process = psutil.Process(victim) if is_of_ray else driver_process()
    assert process is not None
    process.kill()
    process.wait(_DEATH_SECONDS)  # one that is ending still accepts connections
    work.begin_no_more()
    _expect_refusal(spark, _WORDS[fault.target])
    conversions = [number for number, name in running.items() if name == "to Ray"]
    if not work.await_end(conversions, _CONVERSION_SECONDS):
        raise AssertionError(f"a conversion did not end within {_CONVERSION_SECONDS} s after {fault.kind}")
    before = time.monotonic()
    raydp.stop_spark()
    took = time.monotonic() - before
    if took > _STOP_SECONDS:
        raise AssertionError(f"stop_spark took {took:.0f} s after {fault.kind}")
    work.finish(_OTHER_SECONDS)
    say(f"  stopped after {time.time() - started:.1f} s, stop_spark itself took {took:.1f} s")
    return started


def _expect_refusal(spark: SparkSession, words: str) -> None:
    try:
        raydp.from_spark(spark.range(10))
    except SessionError as error:
        if words not in str(error):
            raise AssertionError(f"a conversion did not say {words!r}") from error
    else:
        raise AssertionError("a conversion worked although the application had lost what it needs")
