"""A program of lifecycle/test_dashboard.py."""

import os
import re
import urllib.request

import ray
from ray.util.state import list_actors

import raydp
from raydp._application import current_application
from support.scripting import eventually, say

ray.init(logging_level="WARNING", log_to_driver=False)


# All series of an application: {(name, executor): value}.
def series(application):
    text = urllib.request.urlopen(os.environ["TEST_METRICS"], timeout=30).read().decode()
    found = {}
    for name, tags, value in re.findall(r"^ray_spark_(\w+){(.*)} (\S+)$", text, re.MULTILINE):
        tags = dict(re.findall(r'(\w+)="([^"]*)"', tags))
        if tags["application"] == application:
            found[name, tags["executor"]] = float(value)
    return found


def start(name, **configs):
    configs = {"spark.metrics.conf.*.sink.ray.period": "1", **configs}
    spark = raydp.init_spark(name, 2, 1, "600m", configs=configs)
    eventually("both registered", lambda: len(current_application().status().registered) == 2)
    assert spark.sparkContext.parallelize(range(16), 8).map(lambda x: 2 * x).sum() == 240
    return spark


def is_told(application):
    found = series(application)
    return (
        sum(found.get(("executor_succeeded_tasks", str(i)), 0) for i in (1, 2)) == 8
        and found.get(("raydp_executors_registered", "driver")) == 2
    )


spark = start("first")
first = spark.sparkContext.applicationId
eventually("metrics are told", lambda: is_told(first), state=lambda: series(first))
found = series(first)
assert {executor for _, executor in found} == {"driver", "1", "2"}
counts = {name: found["raydp_executors_" + name, "driver"] for name in ("desired", "pending", "leaving")}
assert counts == {"desired": 2, "pending": 0, "leaving": 0}, counts
assert found["dag_scheduler_job_all_jobs", "driver"] == 1, found
assert found["jvmcpu_jvm_cpu_time", "1"] > 0
assert all(re.fullmatch(r"[a-z0-9_]+", name) and "raydp_2" not in name for name, _ in found)

assert raydp.from_spark(spark.range(10)).count() == 10
seen = {actor.name: actor.class_name for actor in list_actors(filters=[("state", "=", "ALIVE")])}
agent = f"{first}-exchange-{ray.get_runtime_context().get_node_id()[:16]}-0"
assert {name: what for name, what in seen.items() if name.startswith(first)} == {
    f"{first}-master": "io.raydp.lifecycle.AppMaster",
    f"{first}-executor-1": "io.raydp.lifecycle.ExecutorActor",
    f"{first}-executor-2": "io.raydp.lifecycle.ExecutorActor",
    agent: "ExchangeAgent",
}, seen
raydp.stop_spark()
assert not [a.name for a in list_actors(filters=[("state", "=", "ALIVE")]) if a.name.startswith(first)]

# Those of the first go while the second, which keeps its own to itself, runs.
spark = start("second", **{"spark.raydp.metrics": "false"})
second = spark.sparkContext.applicationId
eventually("metrics are gone", lambda: not series(first), state=lambda: series(first))
assert not series(second)
raydp.stop_spark()
say("done")
