"""A program of connect/test_refusals.py: servers that raydp cannot use, and what it says about them."""

import sys

from pyspark.sql import SparkSession

import raydp
from raydp.spark import from_spark_recoverable
from support.scripting import attempt, begin_part, start_ray

other_version, without_isolation, elsewhere, token, nobody = sys.argv[1:]
guarded = elsewhere.replace("127.0.0.1", "localhost")  # PySpark's client sends tokens to no other without TLS


def refused(words: str, url: str) -> SparkSession:
    spark = SparkSession.builder.remote(url).create()
    frame = spark.range(3)
    attempt(f"{words}:", lambda: raydp.from_spark(frame))
    return spark


start_ray(num_cpus=2)
begin_part("refusals")
refused("no server", nobody)
refused("another version", other_version)
spark = SparkSession.builder.remote(without_isolation).create()
attempt("no isolation:", lambda: raydp.from_spark(spark.range(3)).count())
exchange = raydp.attach(spark).exchange
spark.stop()
attempt("a stopped session:", exchange.registered)  # a thread of the exchange may call before it has noticed the end
refused("a wrong token", f"{guarded}/;token=wrong")
refused("no token", guarded)
spark = refused("no node", f"{guarded}/;token={token}")
attempt("a function of 1.6:", lambda: from_spark_recoverable(spark.range(3)))
spark.client.release_session()  # as the server does after an hour without a call
attempt("a released session:", lambda: raydp.from_spark(spark.range(3)))
attempt("attach:", lambda: raydp.attach(spark))
