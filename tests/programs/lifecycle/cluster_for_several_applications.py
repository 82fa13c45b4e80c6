"""A program of lifecycle/test_session.py."""

import os
import signal

import ray

from support.scripting import say, start_ray

start_ray(num_cpus=int(os.environ["TEST_CPUS"]))
say(ray.get_runtime_context().gcs_address)
signal.pause()
