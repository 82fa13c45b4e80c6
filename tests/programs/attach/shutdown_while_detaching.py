"""A program of attach/test_shutdown.py: ``ray.shutdown()`` while another thread detaches Spark."""

import threading

import psutil
import ray
from pyspark.sql import SparkSession

import raydp
from support.datasets import eventually as comes_true
from support.scripting import say, start_ray

start_ray(num_cpus=2)
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
attachment = raydp.attach(spark)
say("rows:", raydp.from_spark(spark.range(10)).count())
folder = attachment.exchange.directory.folder
say("there is a socket:", any(folder.iterdir()))
(agent,) = attachment.exchange.directory.agents()
process = psutil.Process(ray.get(agent.handle.process_id.remote()))
process.suspend()  # it removes its socket when it goes on
threading.Timer(3.0, process.resume).start()
threading.Thread(target=attachment.detach).start()
assert comes_true(lambda: attachment.is_stopping, within=60)
ray.shutdown()
say("left:", sorted(path.name for path in folder.iterdir()) if folder.exists() else [])
spark.stop()
