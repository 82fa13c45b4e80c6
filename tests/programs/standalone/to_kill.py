"""A program of standalone/test_endings_of_clusters.py: two clusters in a row; the second one is left to be killed."""

import os
import sys

import ray
from pyspark.sql import SparkSession

import raydp
from support.datasets import eventually as comes_true
from support.scripting import say, start_ray
from support.standalone_in_ray import daemons_of

mark = os.environ["RAYDP_TEST_MARK"]


def start() -> tuple[raydp.StandaloneCluster, SparkSession]:
    start_ray(num_cpus=2)
    cluster = raydp.start_standalone(1, 1, "600m", timeout_seconds=240)
    return cluster, SparkSession.builder.config(map=cluster.settings).getOrCreate()


cluster, spark = start()
say("first:", spark.range(10).count())
ray.shutdown()
say("after shutdown:", cluster.properties_file.parent.exists(), cluster)
comes_true(lambda: not daemons_of(mark), within=60)
say("daemons:", len(daemons_of(mark)))
spark.stop()
cluster, spark = start()
say("second:", spark.range(10).count())
sys.stdin.readline()
