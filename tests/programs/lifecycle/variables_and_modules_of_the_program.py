"""A program of lifecycle/test_runtime_env.py. Its arguments are the folder of a module and a log4j configuration."""

import os
import sys

import raydp
from support.scripting import say, start_ray

variables = {"FLAVOUR": "vanilla", "PLACE": "program"}
start_ray(runtime_env={"env_vars": variables, "py_modules": [sys.argv[1]]})
logging = f"-Dlog4j2.configurationFile={sys.argv[2]}"
configs = {
    "spark.executorEnv.PLACE": "executor",
    "spark.ray.log4j.config.file.name": sys.argv[2],
    "spark.executor.extraJavaOptions": "-Dlogger=executor-{{EXECUTOR_ID}}",
    "spark.raydp.appMaster.extraJavaOptions": f"-Dlogger=app-master {logging}",
}
spark = raydp.init_spark("t", 1, 1, "500m", configs=configs)


def look(rows):
    import only_here

    yield os.environ["FLAVOUR"], os.environ["PLACE"], only_here.ANSWER


say("worker:", spark.sparkContext.parallelize([1], 1).mapPartitions(look).collect()[0])
raydp.stop_spark()
own = '{"env_vars": {"FLAVOUR": "chocolate"}}'
spark = raydp.init_spark(
    "t",
    1,
    1,
    "500m",
    configs={"spark.raydp.runtimeEnv": own, "spark.executor.extraJavaOptions": f"{logging} -Dlogger=second"},
)


def flavour(rows):
    yield os.environ["FLAVOUR"], os.environ.get("PLACE")


say("own:", spark.sparkContext.parallelize([1], 1).mapPartitions(flavour).collect()[0])
raydp.stop_spark()
try:
    raydp.init_spark("t", 1, 1, "500m", configs={"spark.raydp.runtimeEnv": "no JSON"})
except raydp.errors.InvalidArgumentError as error:
    say("refused:", error)
