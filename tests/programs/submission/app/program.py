"""A program of submission/test_submission.py, which knows nothing of raydp."""

import json
import sys
from pathlib import Path

import beside
import single
import zipped
from pyspark import SparkFiles
from pyspark.sql import SparkSession


def added(row):
    import single
    import zipped

    return row.id + single.NUMBER + zipped.NUMBER + int(Path(SparkFiles.get("data.txt")).read_text())


if __name__ == "__main__":
    spark = SparkSession.builder.config("spark.executor.memory", "600m").getOrCreate()
    settings = dict(spark.sparkContext.getConf().getAll())
    names = ("master", "app.name", "executor.instances", "executor.memory", "custom.word", "sql.shuffle.partitions")
    found = {
        "arguments": sys.argv[1:],
        "sum": spark.range(10).rdd.map(added).sum(),
        "executor's folder": spark.range(1).rdd.map(lambda _: SparkFiles.getRootDirectory()).first()[0],
        "driver": beside.NUMBER + single.NUMBER + zipped.NUMBER,
        "settings": [settings.get(f"spark.{name}") for name in names],
    }
    print(json.dumps(found))
    sys.exit(7)
