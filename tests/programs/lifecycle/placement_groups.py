"""A program of lifecycle/test_placement.py: applications with placement groups, one after another."""

import os
import signal
import time

import ray
from ray.util.placement_group import placement_group_table

import raydp
from raydp._application import current_application
from support.scripting import begin_part, say, start_ray


def registered():
    return current_application().status().registered


def occupied():
    free = ray.available_resources()
    return [
        i
        for i in range(4)
        if not any(name.startswith(f"CPU_group_{i}_") and amount >= 1 for name, amount in free.items())
    ]


start_ray(num_cpus=6)

begin_part("for the application")
spark = raydp.init_spark("t", 2, 1, "500M", placement_group_strategy="SPREAD")
say(
    "during:",
    spark.range(0, 10, numPartitions=10).count(),
    [group["state"] for group in placement_group_table().values()],
)
try:
    raydp.scale(3)
except raydp.errors.InvalidArgumentError as error:
    say("refused:", error)
raydp.stop_spark()
say("after:", [group["state"] for group in placement_group_table().values()])

begin_part("given group")
group = ray.util.placement_group([{"CPU": 1, "memory": raydp.utils.parse_memory_size("500M")}])
ray.get(group.ready(), timeout=60)
try:
    raydp.init_spark("t", 1, 3, "500M", placement_group=group)
except raydp.errors.InvalidArgumentError as error:
    say("refused:", error)
spark = raydp.init_spark("t", 1, 1, "500M", placement_group=group, placement_group_bundle_indexes=[0])
say("count:", spark.range(0, 10, numPartitions=10).count())
raydp.stop_spark()
say("kept:", placement_group_table(group)["state"])
ray.util.remove_placement_group(group)

begin_part("given bundles")
bundle = {"CPU": 1, "memory": raydp.utils.parse_memory_size("1g")}
group = ray.util.placement_group([dict(bundle) for _ in range(4)])
ray.get(group.ready(), timeout=60)
spark = raydp.init_spark("t", 2, 1, "500M", placement_group=group, placement_group_bundle_indexes=[3, 1])
say("two:", raydp.scale(2), occupied())
for executor in registered():  # one after the other: each bundle becomes free once
    os.kill(executor.pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    # Ray reports what is free with a delay.
    while len(registered()) < 2 or executor.id in {e.id for e in registered()} or occupied() != [1, 3]:
        assert time.monotonic() < deadline, current_application().status()
        time.sleep(0.1)
    say("again:", occupied())
raydp.stop_spark()

begin_part("groups that no nodes can hold")
short = {"spark.raydp.executor.infeasibleTimeout": "4s"}
try:
    raydp.init_spark("t", 2, 1, "500M", placement_group_strategy="STRICT_SPREAD", configs=short)
except raydp.errors.ClusterError as error:
    say("made:", error)
say("left:", [group["state"] for group in placement_group_table().values() if group["state"] != "REMOVED"])
group = ray.util.placement_group([{"CPU": 50, "memory": raydp.utils.parse_memory_size("1g")}])
try:
    raydp.init_spark("t", 1, 1, "500M", placement_group=group, configs=short)
except raydp.errors.ClusterError as error:
    say("given:", error)
