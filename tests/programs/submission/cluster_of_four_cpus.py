"""A program of submission/test_submission.py."""

import sys

import ray

from support.scripting import say, start_ray

start_ray(num_cpus=4)
say(ray.get_runtime_context().gcs_address)
sys.stdin.read()
