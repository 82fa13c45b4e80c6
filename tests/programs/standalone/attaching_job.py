"""A PySpark program, which spark-submit runs with a Spark that raydp does not support."""

import sys

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("attaching").getOrCreate()
try:
    import raydp
except Exception as error:
    print(f"{type(error).__name__}: {error}")
else:
    try:
        raydp.attach(spark)
    except raydp.errors.RaydpError as error:
        print(f"{type(error).__name__}: {error}")
print(spark.range(3).count())
sys.exit(0)
