"""A program of lifecycle/test_placement.py."""

import os
import signal
import time

import ray

import raydp
from raydp._application import current_application
from support.scripting import say, start_ray

start_ray(num_cpus=6)
bundle = {"CPU": 1, "memory": raydp.utils.parse_memory_size("1g")}
group = ray.util.placement_group([dict(bundle) for _ in range(4)])
ray.get(group.ready(), timeout=60)
spark = raydp.init_spark("t", 2, 1, "500M", placement_group=group, placement_group_bundle_indexes=[3, 1])


def registered():
    return current_application().status().registered


def occupied():
    free = ray.available_resources()
    return [
        i
        for i in range(4)
        if not any(name.startswith(f"CPU_group_{i}_") and amount >= 1 for name, amount in free.items())
    ]


say("two:", raydp.scale(2), occupied())
for executor in registered():  # one after the other, so that each bundle is left once
    os.kill(executor.pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    # Ray tells what is free some time after it has given it away.
    while len(registered()) < 2 or executor.id in {e.id for e in registered()} or occupied() != [1, 3]:
        assert time.monotonic() < deadline, current_application().status()
        time.sleep(0.1)
    say("again:", occupied())
raydp.stop_spark()

spark = raydp.init_spark("t", 2, 1, "500M", placement_group_strategy="SPREAD")
try:
    raydp.scale(3)
except raydp.errors.InvalidArgumentError as error:
    say("refused:", error)
