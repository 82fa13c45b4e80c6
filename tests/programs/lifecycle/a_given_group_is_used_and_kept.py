"""A program of lifecycle/test_placement.py."""

import ray
from ray.util.placement_group import placement_group_table

import raydp
from support.scripting import say, start_ray

start_ray()
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
