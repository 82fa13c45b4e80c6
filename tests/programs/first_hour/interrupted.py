"""A program of first_hour/test_ctrl_c.py: it waits for a slow query until somebody presses Ctrl-C."""

import threading

import raydp
from support.scripting import eventually, start_ray

start_ray(num_cpus=2)
spark = raydp.init_spark("slow", 1, 1, "600m", configs={"spark.raydp.archiveClasses": False})
tracker = spark.sparkContext.statusTracker()


def runs() -> bool:
    stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
    return any(stage is not None and stage.numActiveTasks for stage in stages)


threading.Thread(target=eventually, args=("a task runs", runs), daemon=True).start()
spark.range(1, numPartitions=1).selectExpr("java_method('java.lang.Thread', 'sleep', 600000L)").collect()
