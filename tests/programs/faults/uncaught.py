"""A program of faults/test_going_on.py: an error that nobody catches ends it after the loss of Ray's head."""

import raydp
from support.scripting import kill_process_of_ray, start_ray

start_ray()
raydp.stop_spark()  # there is nothing to stop
kill_process_of_ray("gcs_server")
raise ValueError("not caught")
