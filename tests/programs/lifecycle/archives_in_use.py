"""A program of lifecycle/test_class_data.py. Its argument is a JSON object of settings."""

import json
import sys
from pathlib import Path

import psutil

import raydp
from raydp._application import current_application
from support.scripting import say, start_ray

start_ray(num_cpus=2)
spark = raydp.init_spark("archives", 1, 1, "500m", configs={"spark.log.level": "ERROR", **json.loads(sys.argv[1])})
say("rows:", raydp.to_spark(raydp.from_spark(spark.range(1000))).count())
status = current_application().status()
(driver,) = [child.pid for child in psutil.Process().children() if child.name() == "java"]
(executor,) = [one.pid for one in status.executors]
for name, pid in (("driver", driver), ("executor", executor)):
    words = Path(f"/proc/{pid}/maps").read_text().split()
    # Not Java's own, classes.jsa.
    say(name, sorted({Path(word).name for word in words if word.endswith(("driver.jsa", "executor.jsa"))}))
raydp.stop_spark()
