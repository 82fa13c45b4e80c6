"""A program of lifecycle/test_session.py."""

import ray

import raydp
from support.scripting import say, start_ray

start_ray()


@ray.remote
class Remote:
    def __init__(self):
        self.spark = raydp.init_spark("remote", 1, 1, "600m")

    def run(self):
        return self.spark.range(100).count(), raydp.from_spark(self.spark.range(50)).count()

    def stop(self):
        self.spark.stop()
        raydp.stop_spark()


actor = Remote.remote()
say(ray.get(actor.run.remote()))
ray.get(actor.stop.remote())
