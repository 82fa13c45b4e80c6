"""A program of attach/test_shutdown.py: ``ray.shutdown()`` while another thread detaches Spark."""

import signal
import threading

import psutil
import ray
from pyspark.sql import SparkSession

import raydp
from support import programs
from support.datasets import eventually as comes_true
from support.scripting import say, start_ray

start_ray(num_cpus=2)
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
attachment = raydp.attach(spark)
say("rows:", raydp.from_spark(spark.range(10)).count())
folder = attachment.exchange.directory.folder
say("there is a socket:", any(folder.iterdir()))
(agent,) = [
    one for one in psutil.Process().children(recursive=True) if "ExchangeAgent" in "".join(programs.words_of(one))
]
agent.send_signal(signal.SIGSTOP)  # it removes its socket when it goes on
threading.Timer(3.0, agent.send_signal, (signal.SIGCONT,)).start()
threading.Thread(target=attachment.detach).start()
assert comes_true(lambda: attachment.is_stopping, within=60)
ray.shutdown()
say("left:", sorted(path.name for path in folder.iterdir()) if folder.exists() else [])
spark.stop()
