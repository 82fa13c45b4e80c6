"""A program of errors/test_error_texts.py. It ends with the error of its last query."""

from collections.abc import Callable

from pyspark.errors import PySparkException
from pyspark.errors.exceptions import captured
from pyspark.sql.functions import udf

import raydp
from support import applications
from support.scripting import begin_part, say, start_ray

start_ray(num_cpus=2)
spark = raydp.init_spark("t", 1, 1, "600m", configs={"spark.sql.pyspark.jvmStacktrace.enabled": True})


def divide(value: int) -> int:
    return 1 // (value - value)


caught: list[Exception] = []


def fail(query: Callable[[], object]) -> None:
    try:
        query()
    except Exception as error:
        caught.append(error)


def show(part: str) -> None:
    begin_part(part)
    for error in caught:
        text = str(error)
        lines = [line for line in text.splitlines() if line.strip()]
        say(type(error).__name__, lines[0], "|", "stack:", "\tat " in text, "Python:", "in divide" in text)
        if isinstance(error, PySparkException):
            contexts = [context.summary() or context.fragment() for context in error.getQueryContext()]
            say(error.getCondition(), error.getSqlState(), error.getMessageParameters(), contexts)


fail(lambda: spark.sql("SELECT 1 / 0").collect())
fail(lambda: spark.sql("SELECT * FROM nowhere"))
fail(lambda: spark.range(1).select(udf(divide, "long")("id")).collect())
fail(lambda: spark.sparkContext.parallelize([1]).map(divide).collect())
fail(lambda: spark.sparkContext.textFile("/no/such/file").count())
show("session runs")
try:
    spark.sql("SELECT id / (id - 3) FROM range(9)").collect()
finally:
    applications.driver_process().kill()
    applications.driver_process().wait()
    show("JVM was killed")
    raydp.stop_spark()
    show("session was stopped")
    begin_part("an error arrives while Spark stops")
    try:
        captured.convert_exception(caught[-1].java_exception)  # PySpark calls it for each error of the JVM
    except raydp.errors.SessionError as error:
        say(error)
