"""A program of errors/test_start.py."""

import ray

import raydp
from support.scripting import say

try:
    raydp.init_spark("t", 1, 1, "600m")
except raydp.errors.MissingRequirementError as error:
    say("refused:", error, ray.is_initialized())
