"""A program of attach/test_notebook.py: Spark in local mode and Ray in one process, as in a notebook."""

import os
import signal
import sys

import numpy as np
import ray
from py4j.java_gateway import JavaObject
from pyspark import SparkConf, SparkContext
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

import raydp
from support.datasets import eventually as comes_true
from support.line_fit import say_learned_line
from support.scripting import attempt, begin_part, say, start_ray


def sockets() -> list[str]:
    return [path.name for path in raydp.attach(spark).exchange.directory.folder.iterdir()]


def local_session(**settings: str) -> SparkSession:
    options = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", **settings}
    conf = SparkConf().setMaster("local[2]").setAppName("t").setAll(list(options.items()))
    return SparkSession(SparkContext(conf=conf))  # a builder would keep the options for the next session


spark = local_session()
df = spark.range(0, 1000, 1, 3).selectExpr("id", "cast(id as string) as text", "id % 3 as k", "array(id, null) as list")
expected = [tuple(row) for row in df.collect()]

begin_part("before")
attempt("without Ray:", lambda: raydp.attach(spark))
start_ray(num_cpus=3)
attempt("no session:", lambda: raydp.attach("spark"))
attempt("not attached:", lambda: raydp.from_spark(df))
attempt("no default:", lambda: raydp.to_spark(ray.data.range(3)))
spark.conf.set("spark.raydp.exchange.blockSize", "none")
attempt("wrong setting:", lambda: raydp.attach(spark))
spark.conf.set("spark.raydp.exchange.blockSize", "1m")
attempt("mistyped:", lambda: raydp.attach(sparks=spark))  # type: ignore[call-arg]


def attach_in_task(rows: object) -> list[str]:
    try:
        raydp.attach(None)
    except raydp.errors.SessionError as error:
        return [str(error)]
    return ["attached"]


say("in a task:", spark.sparkContext.parallelize([1], 1).mapPartitions(attach_in_task).first())

begin_part("conversions")
attachment = raydp.attach(spark)
say("same:", raydp.attach(spark) is attachment)
say("looks like:", attachment)
ds = raydp.from_spark(df)
rows = [(row["id"], row["text"], row["k"], list(row["list"])) for row in ds.take_all()]
say("to Ray:", rows == expected)
back = raydp.to_spark(ds)
say(
    "to Spark:",
    sorted(tuple(row) for row in back.collect()) == expected,
    back.schema.simpleString() == df.schema.simpleString(),
)
say("by Ray Data:", ray.data.from_spark(df).count(), ds.to_spark(spark).agg(F.sum("id")).first()[0])
doubled = ds.map_batches(lambda batch: {"twice": batch["id"] * 2}, batch_format="numpy")
say("through Ray:", raydp.to_spark(doubled).agg(F.sum("twice")).first()[0])
rdd = spark.sparkContext.range(4, numSlices=2).map(lambda n: Row(n=n, x=np.arange(n)))
say("an RDD:", [(row["n"], list(row["x"])) for row in raydp.from_spark(rdd).take_all()][1:3])
raydp.register(ds, "mine")
say("by name:", spark.sql("SELECT k, count(*) AS n FROM ray.mine GROUP BY k ORDER BY k").collect())
say("another session:", spark.newSession().table("ray.mine").count())
raydp.unregister("mine")
say("small blocks:", raydp.from_spark(spark.range(0, 600_000, 1, 1)).num_blocks())
attempt("a failing query:", lambda: raydp.from_spark(spark.range(3).selectExpr("assert_true(id < 2)")))
say_learned_line(spark)

begin_part("ends")
say("sockets:", len(sockets()) == 1)
folder = attachment.exchange.directory.folder
attachment.detach()
attachment.detach()
say("looks like:", attachment)
say("left:", folder.exists(), ds.count())
attempt("detached:", lambda: raydp.from_spark(df))
attempt("its exchange:", lambda: attachment.exchange)
attempt("its DataFrame:", lambda: back.collect())
with raydp.attach(spark) as second:
    say("again:", second is attachment, raydp.from_spark(df).count())
say("looks like:", second)
third = raydp.attach(spark)
say("again:", raydp.from_spark(df).count())
ray.shutdown()
attempt("Ray is gone:", lambda: raydp.from_spark(df))
say("Spark goes on:", df.count())
start_ray(num_cpus=3)
fourth = raydp.attach(spark)
say("another Ray:", fourth is third, raydp.from_spark(df).count())
spark.stop()
say("looks like:", fourth)
attempt("stopped:", lambda: raydp.attach(spark))
attempt("stopped:", lambda: raydp.from_spark(df))
attempt("a stopped RDD:", lambda: raydp.from_spark(rdd))

begin_part("then on Ray")
on_ray = raydp.init_spark("t", 1, 1, "600m")
say("on Ray:", raydp.from_spark(on_ray.range(10)).count())
attempt("an RDD of before:", lambda: raydp.from_spark(rdd))
attempt("attach:", lambda: raydp.attach(on_ray))
raydp.stop_spark()

begin_part("elsewhere")
spark = local_session(**{"spark.driver.host": "192.0.2.77", "spark.driver.bindAddress": "127.0.0.1"})
attempt("attach:", lambda: raydp.attach(spark))
say("usable:", spark.range(3).count())
spark.stop()

begin_part("a dead JVM")
spark = local_session(**{"spark.driver.host": "localhost", "spark.driver.bindAddress": "127.0.0.1"})
last = raydp.attach(spark)
frame = spark.range(10)
say("works:", raydp.from_spark(frame).count())
raydp.stop_spark()
say("goes on:", frame.count())
process = spark.sparkContext._gateway.proc
os.kill(process.pid, signal.SIGKILL)
process.wait()
attempt("dead:", lambda: raydp.from_spark(frame))
say("noticed:", comes_true(lambda: last.is_stopping, within=60))
assert isinstance(frame._jdf, JavaObject)
sys.exit(0)  # neither Spark nor Ray is stopped
