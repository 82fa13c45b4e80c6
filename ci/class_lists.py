"""Records which classes the JVMs of a small application load, for the archives that `raydp._machine.class_data` builds.

Run by ci/class-lists.sh. Writes python/raydp/_machine/class_data/{driver,executor}.classes.gz.
"""

from __future__ import annotations

import gzip
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import ray
from pyspark.sql import functions as F
from ray.data import DataContext

import raydp
from raydp._machine.class_data import Role

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FOLDER = Path(__file__).resolve().parents[1] / "python" / "raydp" / "_machine" / "class_data"
STORE_BYTES = 100 * 1024**2


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        lists = {role: Path(name) / f"{role.value}.classes" for role in Role}
        run_application(lists)
        for role, path in lists.items():
            lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
            packed = gzip.compress("".join(f"{line}\n" for line in lines).encode(), 9, mtime=0)
            target = FOLDER / f"{role.value}.classes.gz"
            target.write_bytes(packed)
            print(f"{target.relative_to(Path.cwd())}: {len(lines)} lines")


def run_application(lists: dict[Role, Path]) -> None:
    options = {role: f"-XX:DumpLoadedClassList={path}" for role, path in lists.items()}
    ray.init(
        "local",
        num_cpus=2,
        object_store_memory=STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.WARNING,
    )
    try:
        spark = raydp.init_spark(
            "class lists",
            1,
            1,
            "500m",
            configs={
                "spark.driver.extraJavaOptions": options[Role.DRIVER],
                "spark.executor.extraJavaOptions": options[Role.EXECUTOR],
                "spark.raydp.archiveClasses": "false",
                "spark.raydp.banner": "false",
                "spark.log.level": "ERROR",
            },
        )
        use(spark)
    finally:
        raydp.stop_spark()
        ray.shutdown()


def use(spark: SparkSession) -> None:
    """Run a little of everything that applications do."""
    frame = spark.range(0, 10_000, 1, 2).select(
        "id", (F.col("id") % 7).alias("key"), F.concat(F.lit("text "), "id").alias("text"), (F.col("id") / 3).alias("x")
    )
    frame.groupBy("key").agg(F.sum("x"), F.count_distinct("text")).orderBy("key").collect()
    frame.join(frame.groupBy("key").count(), "key").where("x > 10").cache().count()
    spark.sql("SELECT max(named_struct('a', id)), collect_list(id) FROM range(10)").collect()
    spark.createDataFrame([(1, "a"), (2, None)], "n int, s string").toPandas()
    with tempfile.TemporaryDirectory() as folder:
        frame.write.parquet(f"{folder}/frame")
        spark.read.parquet(f"{folder}/frame").agg(F.avg("x")).collect()
    DataContext.get_current().enable_progress_bars = False
    dataset = raydp.from_spark(frame)
    raydp.to_spark(dataset).agg(F.sum("id")).collect()
    spark.sparkContext.parallelize(range(10), 2).map(lambda value: value + 1).sum()


if __name__ == "__main__":
    main()
