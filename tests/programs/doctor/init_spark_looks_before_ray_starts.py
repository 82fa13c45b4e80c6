"""A program of doctor/test_doctor.py."""

import ray

import raydp
from support.scripting import say

try:
    raydp.init_spark("t", 1, 1, "1g")
except raydp.errors.MissingRequirementError as error:
    say("refused:", error, ray.is_initialized())
