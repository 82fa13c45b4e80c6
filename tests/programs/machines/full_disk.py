"""A program of machines/test_full_disk.py: the disk for spilled blocks and shuffle files gets full."""

import sys
from pathlib import Path

import ray
from py4j.protocol import Py4JJavaError

import raydp
from raydp.errors import ExchangeError
from support.scripting import begin_part, say, start_ray

disk = Path(sys.argv[1])
start_ray(object_spilling_directory=str(disk / "spill"))
spark = raydp.init_spark(
    "full", 1, 1, "600m", configs={"spark.local.dir": str(disk / "spark"), "spark.log.level": "ERROR"}
)


def convert(rows):
    return raydp.from_spark(spark.range(0, rows, 1, 8)).count()


begin_part("conversion")
try:
    say(convert(100_000_000))
except ExchangeError as error:
    say("refused:", error)
say("after that:", convert(1000))
begin_part("shuffle")
try:
    say(
        spark.range(0, 30_000_000, 1, 8)
        .selectExpr("cast(rand() as string) s")
        .repartition(4)
        .selectExpr("max(s)")
        .first()
    )
except Py4JJavaError as error:
    say("failed:", "No space left on device" in str(error))
say("after that:", convert(1000))
raydp.stop_spark()
ray.shutdown()
