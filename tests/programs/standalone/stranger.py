"""A program with another secret than the cluster. Spark needs a minute to give up, so it runs next to the others."""

import sys

from pyspark.sql import SparkSession

import raydp

secret = {"spark.authenticate": "true", "spark.authenticate.secret": "wrong", "spark.ui.enabled": "false"}
try:
    print(SparkSession.builder.master(sys.argv[1]).config(map=secret).getOrCreate())
except raydp.errors.SessionError as error:
    print(error)
print(SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate().range(3).count())
