"""Starts one Spark session in this fresh process, runs one small job, and prints the time of each step as JSON.

`startup.py` runs this program. By hand:  python bench/session_start.py plain
                                          python bench/session_start.py raydp --address HOST:PORT
"""

from __future__ import annotations

import argparse
import functools
import json
import logging
import time
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS_OF_THE_FIRST_JOB = 1000


class Stopwatch:
    """Measures the time of calls anywhere in the program."""

    def __init__(self) -> None:
        self.spans: dict[str, tuple[float, float]] = {}

    def watch(self, owner: Any, name: str, step: str) -> None:
        """Wrap a function to also record when its first call started and ended."""
        original = getattr(owner, name)

        @functools.wraps(original)
        def watched(*arguments: Any, **options: Any) -> Any:
            return self.time(step, lambda: original(*arguments, **options))

        setattr(owner, name, watched)

    def time(self, step: str, action: Callable[[], Any]) -> Any:
        start = time.time()
        result = action()
        self.spans.setdefault(step, (start, time.time()))
        return result

    def seconds(self, step: str) -> float:
        start, end = self.spans[step]
        return end - start


def plain() -> tuple[Stopwatch, dict[str, Any]]:
    """Start `local[1]`, as a program without raydp does."""
    watch = Stopwatch()
    imported = time.time()
    import pyspark.core.context
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    watch.spans["import"] = (imported, time.time())
    watch.watch(pyspark.core.context, "launch_gateway", "gateway")
    watch.watch(SparkContext, "__init__", "context with gateway")
    spark = watch.time("whole session", SparkSession.builder.master("local[1]").appName("startup").getOrCreate)
    watch.time("first job", lambda: first_job(spark))
    details = {"cpu_seconds": cpu_seconds(psutil.Process().children(recursive=True))}
    spark.stop()
    return watch, details


def on_ray(address: str) -> tuple[Stopwatch, dict[str, Any]]:
    """Start one executor with one core on a Ray cluster that is already running."""
    watch = Stopwatch()
    imported = time.time()
    import ray
    from pyspark import SparkContext

    import raydp
    from raydp._application import current_application, driver_jvm

    watch.spans["import"] = (imported, time.time())
    watch.time("ray.init", lambda: ray.init(address, log_to_driver=False, logging_level=logging.WARNING))
    watch.watch(driver_jvm, "launch_gateway_process", "gateway")
    watch.watch(SparkContext, "__init__", "context with gateway")
    # The benchmark builds archives separately, not during a measurement.
    configs = {"spark.raydp.archiveClasses": "false"}
    spark = watch.time("whole session", lambda: raydp.init_spark("startup", 1, 1, "1g", configs=configs))
    watch.time("first job", lambda: first_job(spark))
    status = current_application().status()
    executors = [psutil.Process(executor.pid) for executor in status.executors if executor.pid]
    start = watch.spans["whole session"][0]
    details = {
        "cpu_seconds": cpu_seconds(psutil.Process().children(recursive=True) + executors),
        "milestones": [[event.millis / 1000 - start, event.text] for event in status.events],
    }
    raydp.stop_spark()
    ray.shutdown()
    return watch, details


def first_job(spark: Any) -> None:
    counted = spark.range(ROWS_OF_THE_FIRST_JOB).count()
    if counted != ROWS_OF_THE_FIRST_JOB:
        raise AssertionError(f"the first job returned a wrong count: {counted}")


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Return the processor time that these processes have used until now."""
    times = [process.cpu_times() for process in processes if process.is_running()]
    return sum(used.user + used.system for used in times)


def report(watch: Stopwatch, details: dict[str, Any]) -> dict[str, Any]:
    steps = {
        "gateway": watch.seconds("gateway"),
        "context": watch.seconds("context with gateway") - watch.seconds("gateway"),
        "session": watch.seconds("whole session") - watch.seconds("context with gateway"),
        "first job": watch.seconds("first job"),
    }
    return {
        "steps": steps,
        "total": watch.seconds("whole session") + watch.seconds("first job"),
        "import": watch.seconds("import"),
        "ray.init": watch.seconds("ray.init") if "ray.init" in watch.spans else 0.0,
        **details,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["plain", "raydp"])
    parser.add_argument("--address", default="auto", help="GCS address of the Ray cluster, for raydp")
    options = parser.parse_args()
    print(json.dumps(report(*(plain() if options.kind == "plain" else on_ray(options.address)))))


if __name__ == "__main__":
    main()
