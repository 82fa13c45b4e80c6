"""RayDP 1.6 in a separate environment, which alternates with the other implementations.

This file is two programs. The benchmark imports it to start the second program with the given Python and to request
conversions. That Python runs it as a program, which builds the same DataFrame, waits for requests, and answers with
seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from answering import AnsweringProgram
from cases import CASES, Case

if TYPE_CHECKING:
    from collections.abc import Callable

OWN_VARIABLES = ("PYTHON", "PYSPARK", "SPARK", "RAY", "JDK_JAVA_OPTIONS")
PACKAGES = [
    "java.lang",
    "java.lang.invoke",
    "java.util",
    "java.util.concurrent",
    "java.math",
    "java.text",
    "java.net",
    "java.nio",
    "java.io",
    "java.time",
    "sun.nio.ch",
]


class Peer(AnsweringProgram):
    """The other environment, with the DataFrame of one case in Spark's cache. A context manager."""

    def __init__(self, python: str, case: Case, rows: int, folder: Path) -> None:
        command = [python, __file__, case.name, "--rows", str(rows), "--folder", str(folder)]
        # Variables of this environment's Ray, Spark and Python must not reach the other environment.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(OWN_VARIABLES)}
        super().__init__("The other environment", command, environment, patience=60)

    def from_spark(self) -> float:
        """Convert once and return the seconds that it took."""
        return self._seconds_of("from_spark")

    def to_spark(self, aggregate: str) -> Callable[[], float]:
        """Return a function that sums the columns of the aggregate once and returns the seconds that it took."""
        return lambda: self._seconds_of(aggregate)

    def _seconds_of(self, question: str) -> float:
        return float(self.ask(question)["seconds"])


def serve(case: Case, rows: int, folder: Path) -> None:
    """Answer requests until standard input ends."""
    import ray
    import ray.data

    import raydp

    # On JDK 17, its JVMs fail without these options. The variable reaches the driver JVM and those that Ray starts.
    os.environ["JDK_JAVA_OPTIONS"] = " ".join(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in PACKAGES)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    ray.init("local", num_cpus=2, object_store_memory=2 * 1024**3, include_dashboard=False, log_to_driver=False)
    spark = raydp.init_spark("peer", 1, 1, "4g", configs={"spark.driver.memory": "2g"})
    frame = case.frame(spark, rows, folder)
    if case.is_cached:
        frame = frame.cache()
        frame.count()
    dataset = None
    print(json.dumps({"rows": rows}), flush=True)
    for line in sys.stdin:
        question = line.strip()
        if question == "from_spark":
            start = time.perf_counter()
            made = ray.data.from_spark(frame)
            seconds = time.perf_counter() - start
            del made
        else:
            dataset = dataset or ray.data.from_spark(frame)
            sums = [f"sum({term})" for term in case.aggregates()[question].values()]
            start = time.perf_counter()
            dataset.to_spark(spark).selectExpr(*sums).first()
            seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds}), flush=True)
    raydp.stop_spark()
    ray.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    serve(CASES[options.case], options.rows, options.folder)


if __name__ == "__main__":
    main()
