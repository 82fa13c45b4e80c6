"""A program of lifecycle/test_placement.py."""

from ray.util.placement_group import placement_group_table

import raydp
from support.scripting import say, start_ray

start_ray()
spark = raydp.init_spark("t", 1, 1, "500M", placement_group_strategy="PACK")
say(
    "during:",
    spark.range(0, 10, numPartitions=10).count(),
    [group["state"] for group in placement_group_table().values()],
)
raydp.stop_spark()
say("after:", [group["state"] for group in placement_group_table().values()])
