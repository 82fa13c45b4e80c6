"""A program of lifecycle/test_growing.py: a cluster of fixed size, to which nodes are added and from which they go.

With the argument "interrupted", a start that waits for a node is interrupted.
"""

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import ray
from ray.cluster_utils import Cluster

import raydp
from support.scripting import begin_part, eventually, say, start_job

_STORE = 150 * 1024**2


class Heard:
    """Standard error, which also keeps what was written."""

    def __init__(self):
        self.text = ""
        self.stream = sys.stderr

    def write(self, text):
        self.text += text
        return self.stream.write(text)

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def await_line(self, words):
        """Wait for a line of raydp's with these words, say it, and forget what was heard."""

        def lines():
            return [line for line in self.text.splitlines() if line.startswith("raydp: ") and words in line]

        eventually("told:", lines)
        say(lines()[0])
        self.text = ""


def add_node():
    address = f"127.0.0.{next(addresses)}"  # a driver takes a node with its own address for its own node
    return cluster.add_node(num_cpus=2, object_store_memory=_STORE, node_ip_address=address)


heard = sys.stderr = Heard()
addresses = iter(range(2, 100))
cluster = Cluster(
    initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": _STORE, "include_dashboard": False}
)
ray.init(cluster.address, log_to_driver=False, logging_level="WARNING")
patient = {"spark.raydp.executor.infeasibleTimeout": "10m", "spark.ui.enabled": False}


def interrupt():
    heard.await_line("for a node")
    interrupted.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)


if sys.argv[1:] == ["interrupted"]:
    interrupted = []
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        raydp.init_spark("t", 1, 1, "500m", configs=patient)
    except KeyboardInterrupt:
        say("ended within 60 s:", time.monotonic() - interrupted[0] < 60)  # of 10 min
    thread.join()
    sys.exit()

begin_part("late")
with ThreadPoolExecutor(1) as pool:
    start = pool.submit(raydp.init_spark, "t", 1, 1, "500m", configs=patient)
    heard.await_line("for a node")
    node = add_node()
    spark = start.result(200)
say("counted:", spark.range(10).count())
heard.await_line("executors run; some waited")

begin_part("partial")
raydp.scale(5, timeout_seconds=0)
heard.await_line("of 5 executors wait")
raydp.scale(1)

begin_part("away")
job, result = start_job(spark, 0.2)
cluster.remove_node(node, allow_graceful=False)
heard.await_line("for a node")
add_node()
job.join(200)
say("result:", sorted(result))

raydp.stop_spark()
ray.shutdown()
cluster.shutdown()
