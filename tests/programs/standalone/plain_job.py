"""A plain PySpark program, which spark-submit runs: it knows nothing of raydp."""

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("plain").getOrCreate()
print(spark.range(10).count(), spark.sparkContext.parallelize(range(5), 2).map(lambda x: x + 1).sum())
spark.stop()
