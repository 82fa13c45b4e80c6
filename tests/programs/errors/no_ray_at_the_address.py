"""A program of errors/test_start.py."""

import ray
from pyspark.sql import SparkSession

import raydp
from support.scripting import say

for master in ("ray:127.0.0.1:1", "ray://127.0.0.1:10001", "ray:nonsense", "ray:host:99999"):
    try:
        SparkSession.builder.master(master).getOrCreate()
    except raydp.errors.RaydpError as error:
        say(type(error).__name__, error)
say("ray started:", ray.is_initialized())
