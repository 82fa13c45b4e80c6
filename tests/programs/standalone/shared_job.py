"""A plain PySpark program: a job for each line of a pipe. spark-submit gives Python programs no standard input."""

import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("shared").getOrCreate()
print("ready", spark.version, flush=True)
with Path(sys.argv[1]).open() as lines:
    for _ in lines:
        print(spark.sparkContext.parallelize(range(8), 8).map(lambda x: time.sleep(0.3) or x).sum(), flush=True)
spark.stop()
