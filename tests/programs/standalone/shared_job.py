"""A plain PySpark program, which spark-submit runs: a job for each line that it reads. Its idle executors end soon."""

import sys
import time

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("shared").getOrCreate()
print("ready", spark.version, flush=True)
for _ in sys.stdin:
    print(spark.sparkContext.parallelize(range(8), 8).map(lambda x: time.sleep(0.3) or x).sum(), flush=True)
spark.stop()
