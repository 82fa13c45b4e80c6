"""The chaos run, as a program: prints what it does and, in its last line, a report as JSON.

``python -m support.chaos.run SEED KILLS``, with ``RAYDP_TEST_MARK`` set to something that no other program has, and the
variables of :mod:`support.chaos.cluster`. SIGUSR1 makes it print where its threads are.
"""

from __future__ import annotations

import faulthandler
import json
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import ray.data

import raydp
from support.applications import socket_folder
from support.chaos.cluster import ChaosCluster
from support.chaos.endings import end_by
from support.chaos.jobs import Jobs
from support.chaos.leaks import leaks_of_application, leaks_of_machine
from support.chaos.plan import Target, mix, plan
from support.chaos.record import Record, say
from support.chaos.survival import JOB_SECONDS, Survival
from support.chaos.work import Work, undisturbed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from support.chaos.plan import Fault, Life

_THREADS = 2
# A program that hangs says where, and ends. One application has 40 faults, of which none may take 120 s.
_LONGEST_LIFE_SECONDS = 3600.0
_CONFIGS = {
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
    "spark.raydp.archiveClasses": "false",
    "spark.sql.shuffle.partitions": "4",
    # As jobs of many hours need them, which a minute of faults by the second stands for.
    "spark.task.maxFailures": "12",
    "spark.stage.maxConsecutiveAttempts": "12",
    "spark.raydp.executor.maxConsecutiveFailures": "12",
}
_IMPATIENCE = {
    "spark.executor.heartbeatInterval": "2s",
    "spark.network.timeout": "12s",
    "spark.network.timeoutInterval": "2s",
    "spark.raydp.exchange.timeout": "10",
}


class ChaosRun:
    """Lives of applications in one process, one after another.

    Args:
        seed: Decides about the order of the jobs.
        fits: Whether the jobs train as well.
    """

    def __init__(self, seed: int, *, fits: bool) -> None:
        self.record = Record()
        self._seed = seed
        self._fits = fits
        self._expected: dict[str, Any] = {}
        self._ended: tuple[Fault, float] | None = None

    def live(self, number: int, life: Life) -> None:
        """Start an application, make its faults, and end it."""
        faulthandler.dump_traceback_later(_LONGEST_LIFE_SECONDS, exit=True)
        say(f"life {number}: {life.nodes} nodes{', impatient' if life.is_impatient else ''}")
        cluster = ChaosCluster(life.nodes)
        ray.data.DataContext.get_current().enable_progress_bars = False
        spark = self._start(life, cluster)
        folder = socket_folder()
        ended = self._work(number, life, spark, cluster)
        if ended is None or ended.target is Target.JVM:
            self.record.leaked += leaks_of_application(folder)
        cluster.leave()
        self.record.leaked += leaks_of_machine(folder)
        faulthandler.cancel_dump_traceback_later()

    def _start(self, life: Life, cluster: ChaosCluster) -> SparkSession:
        configs = {**_CONFIGS, **(_IMPATIENCE if life.is_impatient else {}), **cluster.settings()}
        spark = raydp.init_spark("chaos", cluster.executors, 1, "600m", configs=configs)
        if self._ended is not None:
            spark.range(1000).count()
            fault, killed = self._ended
            self.record.recoveries[fault.kind].append(time.time() - killed)
            say(f"  another application works {time.time() - killed:.1f} s after {fault.kind}")
        return spark

    def _work(self, number: int, life: Life, spark: SparkSession, cluster: ChaosCluster) -> Fault | None:
        """Make the faults while jobs run, and end the application; return what has ended it."""
        jobs = Jobs(spark, fits=self._fits)
        self._expected = self._expected or undisturbed(jobs)
        work = Work(jobs, self._expected, self.record.tally, seed=f"{self._seed}/{number}", threads=_THREADS)
        work.start()
        try:
            Survival(cluster, work, self.record).make(life.faults)
            self._ended = None
            if life.ending is not None:
                self._ended = life.ending, end_by(life.ending, spark, cluster, work)
        finally:
            work.finish(JOB_SECONDS)
        raydp.stop_spark()
        return life.ending


def main(seed: int, kills: int) -> dict[str, Any]:
    """Make a run and return the report."""
    lives = plan(seed, kills)
    say(f"{kills} faults in {len(lives)} lives: {dict(mix(lives))}")
    run = ChaosRun(seed, fits=len(lives) > 1)
    started = time.monotonic()
    for number, life in enumerate(lives, 1):
        run.live(number, life)
    return run.record.report(time.monotonic() - started)


if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)
    report = main(int(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps(report), flush=True)
