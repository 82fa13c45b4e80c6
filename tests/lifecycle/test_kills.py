"""Real processes killed with real signals: executors, the AppMaster, the driver."""

from __future__ import annotations

import os
import signal
import time
import uuid
from typing import TYPE_CHECKING

import psutil
import pytest

from support import programs
from support.datasets import eventually, shared_names

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

if TYPE_CHECKING:
    import subprocess


SLOW_JOB = """
        import json, threading
        from raydp._application import current_application

        def executors():
            return current_application().status().registered

        def slowly(rows):
            for row in rows:
                time.sleep(0.004)
                yield row

        def job(result):
            counts = (spark.sparkContext.parallelize(range(4000), 8).mapPartitions(slowly)
                      .map(lambda x: (x % 5, 1)).reduceByKey(lambda a, b: a + b, 4).mapPartitions(slowly).collect())
            result.append(sorted(counts))

        result = []
        thread = threading.Thread(target=job, args=(result,))
"""


def test_a_killed_executor_is_replaced_and_the_job_finishes() -> None:
    outcome = programs.run(
        """
        start_ray()
        spark = raydp.init_spark("t", 2, 1, "600m", configs={"spark.task.maxFailures": "1"})
        """
        + SLOW_JOB
        + """
        cached = spark.range(100_000).cache()
        assert cached.count() == 100_000
        deadline = time.monotonic() + 60
        while len(executors()) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        before = {e.id: e.pid for e in executors()}
        assert len(before) == 2, before
        thread.start()
        time.sleep(3)
        victim = min(before)
        os.kill(before[victim], signal.SIGKILL)
        thread.join(300)
        say("result:", result)
        deadline = time.monotonic() + 60
        while len(executors()) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        after = {e.id for e in executors()}
        say("replaced:", victim not in after and len(after) == 2, "new ids:", bool(after - set(before)))
        say("cache:", cached.selectExpr("sum(id)").first()[0], raydp.from_spark(cached).count())
        """
    )
    assert outcome.code == 0, outcome.everything
    assert "result: [[(0, 800), (1, 800), (2, 800), (3, 800), (4, 800)]]" in outcome.output, outcome.everything
    assert "replaced: True new ids: True" in outcome.output, outcome.everything
    assert f"cache: {sum(range(100_000))} 100000" in outcome.output


def test_a_killed_app_master_does_not_disturb_the_job() -> None:
    outcome = programs.run(
        """
        start_ray()
        spark = raydp.init_spark("t", 1, 1, "600m")
        """
        + SLOW_JOB
        + """
        family = programs.marked_processes(os.environ["RAYDP_TEST_MARK"])
        found = [p for p in family if "-Draydp.role=app-master" in p.cmdline()]
        assert len(found) == 1, [p.cmdline()[:3] for p in found]
        before = {e.id for e in executors()}
        thread.start()
        time.sleep(2)
        found[0].kill()
        thread.join(300)
        say("result:", result)
        say("same executors:", {e.id for e in executors()} == before)
        os.kill(executors()[0].pid, signal.SIGKILL)
        say("after that:", spark.range(1000).count())
        """,
        env={"RAYDP_TEST_MARK": uuid.uuid4().hex},
    )
    assert outcome.code == 0, outcome.everything
    assert "result: [[(0, 800), (1, 800), (2, 800), (3, 800), (4, 800)]]" in outcome.output, outcome.everything
    assert "same executors: True" in outcome.output
    assert "after that: 1000" in outcome.output


def test_a_task_that_always_ends_its_executor_fails_its_job() -> None:
    outcome = programs.run(
        """
        start_ray()
        spark = raydp.init_spark("t", 1, 1, "600m", configs={"spark.raydp.executor.maxConsecutiveFailures": "2",
                                                             "spark.task.maxFailures": "1"})
        def end_the_executor(rows):
            import psutil
            psutil.Process(os.getppid()).parent().kill()  # this worker's daemon's parent
            time.sleep(60)
            yield from rows
        from py4j.protocol import Py4JJavaError
        try:
            spark.sparkContext.parallelize([1], 1).mapPartitions(end_the_executor).collect()
        except Py4JJavaError as error:
            say("failed:", "executor" in str(error).lower())
        """
    )
    assert outcome.code == 0, outcome.everything
    assert "failed: True" in outcome.output, outcome.everything


def _run_and_kill_driver(mark: str) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    process = programs.start(
        """
        start_ray()
        spark = raydp.init_spark("t", 2, 1, "600m")
        ds = raydp.from_spark(spark.range(100_000))
        df = raydp.to_spark(ds)
        assert df.count() == 100_000
        say("working")
        def forever(rows):
            while True:
                time.sleep(0.1)
            yield 1
        spark.sparkContext.parallelize(range(2), 2).mapPartitions(forever).count()
        """,
        env={"RAYDP_TEST_MARK": mark},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.strip() == "working", line
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        family = programs.marked_processes(mark)
        # The daemon of an executor, and a worker that it has forked.
        if sum("raydp._spark.worker_daemon" in p.cmdline() for p in family) >= 2:
            return process, family
        psutil.wait_procs(family, timeout=0.2)
    raise AssertionError("no Python worker came up within 60 s")


def test_nothing_is_left_when_the_driver_is_killed() -> None:
    mark = uuid.uuid4().hex
    shared_before = shared_names()
    process, family = _run_and_kill_driver(mark)
    try:
        assert len(family) > 5, family
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert programs.await_none(mark, seconds=20) == []
        # Other tests, which may run beside this one, keep nothing there for long.
        assert eventually(lambda: shared_names() <= shared_before, within=60), shared_names() - shared_before
    finally:
        for left in programs.marked_processes(mark):
            left.kill()
