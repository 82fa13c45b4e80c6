"""Makes the archives: runs a small application that notes which classes its JVMs load, and has the JDK archive them."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import ray

import raydp
from raydp import _installation
from raydp._class_data.archives import Role, folder_for
from raydp._errors import MissingRequirementError, SessionError
from raydp._java import find_java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from raydp._java import Java

__all__ = ["make_archives"]

_DUMP_SECONDS = 600
_STORE_BYTES = 100 * 1024**2
_KEPT = 3


def make_archives() -> list[Path]:
    """Make this machine's archives anew; takes a minute or so and starts a Ray cluster of its own.

    Returns:
        The archives, some 350 MB together. Those of the three installations that were archived last stay.

    Raises:
        SessionError: This process is connected to Ray already.
        RaydpError: The application did not start, or Java does not make an archive of it.
    """
    if ray.is_initialized():
        raise SessionError("Archives are made with a Ray cluster of their own; call ray.shutdown() first")
    java = find_java()
    folder = folder_for(java)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as name:
        new = Path(name)
        lists = {role: new / f"{role.value}.classes" for role in Role}
        _run_application(lists)
        for role, classes in lists.items():
            _dump(java, classes, new / f"{role.value}.jsa")
            classes.unlink()
        # A JVM that has an archive mapped keeps it; the next ones find the new one.
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    _forget_old(folder.parent)
    return [folder / f"{role.value}.jsa" for role in Role]


def _forget_old(parent: Path) -> None:
    """Remove archives beyond the newest few: every new jar makes others of them useless."""
    made = [found for found in parent.iterdir() if found.is_dir() and not found.name.startswith(".")]
    for old in sorted(made, key=lambda found: found.stat().st_mtime)[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _run_application(lists: dict[Role, Path]) -> None:
    options = {role: f"-XX:DumpLoadedClassList={path}" for role, path in lists.items()}
    ray.init(
        "local",
        num_cpus=2,
        object_store_memory=_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.WARNING,
    )
    try:
        spark = raydp.init_spark(
            "class-data archives",
            1,
            1,
            "500m",
            configs={
                "spark.driver.extraJavaOptions": options[Role.DRIVER],
                "spark.executor.extraJavaOptions": options[Role.EXECUTOR],
                "spark.raydp.banner": "false",
                "spark.log.level": "ERROR",
            },
        )
        _use(spark)
    finally:
        raydp.stop_spark()
        ray.shutdown()


def _use(spark: SparkSession) -> None:
    """Do a little of what applications do."""
    from pyspark.sql import functions as F  # noqa: N812
    from ray.data import DataContext

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


def _dump(java: Java, classes: Path, archive: Path) -> None:
    if not classes.is_file():
        raise MissingRequirementError(f"This Java wrote no list of the classes that it loaded: {java.executable}")
    command = [
        str(java.executable),
        "-Xshare:dump",
        f"-XX:SharedClassListFile={classes}",
        f"-XX:SharedArchiveFile={archive}",
        "-cp",
        os.pathsep.join(map(str, _installation.class_path())),
        *_installation.MODULE_OPTIONS,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_DUMP_SECONDS)
    if done.returncode != 0 or not archive.is_file():
        raise MissingRequirementError(
            "This Java made no class-data archive; applications start without one. Use a JDK of OpenJDK's. Java: "
            f"{java.executable}; it said: {(done.stdout + done.stderr)[-2000:]}"
        )
