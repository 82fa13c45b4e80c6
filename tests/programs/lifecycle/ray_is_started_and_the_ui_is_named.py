"""A program of lifecycle/test_session.py."""

import os

import ray

import raydp
from support.scripting import say

os.environ["RAY_DISABLE_IMPORT_WARNING"] = "1"
spark = raydp.init_spark("t", 1, 1, "600m")
say(ray.is_initialized(), spark.range(3).count(), spark.sparkContext.uiWebUrl)
