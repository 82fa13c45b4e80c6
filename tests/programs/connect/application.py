"""A program of connect/test_application.py: it starts an application on Ray with a Spark Connect server, for others."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import ray
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession as ConnectSession

import raydp
from support import programs
from support.applications import driver_process
from support.daemons import HOST
from support.datasets import eventually
from support.scripting import attempt, begin_part, say, start_ray

GUEST = Path(__file__).with_name("guest.py")


def guest(number: int, end: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(GUEST), url, str(number), address, end],
        stdout=subprocess.PIPE,
        text=True,
        env=programs.environment({"SPARK_CONNECT_MODE_ENABLED": None}),
    )


def say_words_of(guest: subprocess.Popen[str]) -> None:
    lines = guest.communicate(timeout=240)[0].splitlines()
    say("guest:", guest.returncode, *lines)


def answer_to(address: str) -> str:
    session = ConnectSession.builder.remote(address).create()
    try:
        return str(session.version)
    except PySparkException as error:
        return " ".join(str(error).split())
    finally:
        session.client.close()


signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have disabled it
begin_part("before")
attempt("no server:", raydp.connect_url)
with socket.create_server((HOST, 0)) as taken:
    port = {"spark.connect.grpc.binding.port": taken.getsockname()[1]}
    attempt("a port that is taken:", lambda: raydp.init_spark("t", 1, 1, "600m", configs=port, connect=True))
package = sys.modules.pop("grpc_status")
sys.modules["grpc_status"] = None  # type: ignore[assignment]
attempt("a package that is missing:", lambda: raydp.init_spark("t", 1, 1, "600m", connect=True))
sys.modules["grpc_status"] = package
os.environ["PYSPARK_GATEWAY_PORT"] = "1"  # as spark-submit sets it
attempt("a JVM of spark-submit:", lambda: raydp.init_spark("t", 1, 1, "600m", connect=True))
del os.environ["PYSPARK_GATEWAY_PORT"]
say("Ray:", ray.is_initialized())

begin_part("the application")
start_ray(num_cpus=4)
spark = raydp.init_spark("t", 1, 1, "600m", connect=True)
say("module:", type(spark).__module__)
say("same:", raydp.init_spark("t", 1, 1, "600m", connect=True) is spark, SparkSession.active() is spark)
attempt("other arguments:", lambda: raydp.init_spark("t", 1, 1, "600m"))
frame = spark.range(1000).select(F.col("id"), (F.col("id") % 3).alias("k"))
ds = raydp.from_spark(frame)
say("to Ray:", ds.count())
raydp.register(ds, "shared_name")
say("to Spark:", raydp.to_spark(ds).agg(F.sum("id")).first()[0], spark.table("ray.shared_name").count())
attempt("a wrong query:", lambda: spark.table("no_such_table").schema)
say("UI:", raydp.ui_url())

begin_part("guests")
address = ray.get_runtime_context().gcs_address
url = raydp.connect_url()
for one in [guest(2, "stop"), guest(3, "kill")]:
    say_words_of(one)
say_words_of(guest(4, "leave"))
say("names:", raydp.attach(spark).exchange.registered())

begin_part("strangers")
say("a wrong token:", answer_to(url[:-4] + "none"))
say("no token:", answer_to(url.partition("/;")[0]))
token = url.rpartition("=")[2]
say("the token in settings:", any(token in value for value in spark.conf.getAll.values()))

begin_part("Ctrl-C")
mark = Path(tempfile.mkdtemp()) / "a task runs"
other = SparkSession.builder.remote(url).create()
counts: list[int] = []


def slowly(batches: Iterator) -> Iterator:
    mark.touch()
    time.sleep(5)  # until the interrupt has come
    yield from batches


slow = other.range(0, 9, 1, 1).mapInPandas(slowly, "id long")
counting = threading.Thread(target=lambda: counts.append(slow.count()))
counting.start()
assert eventually(mark.exists), "no task runs"
try:
    signal.raise_signal(signal.SIGINT)
    say("interrupted:", "not")
except KeyboardInterrupt:
    say("interrupted:", "yes")
counting.join(120)
say("the job of another session:", counts)
other.stop()

begin_part("a stop")
spark.stop()
again = raydp.init_spark("t", 1, 1, "600m", connect=True)
say("another session:", again.range(3).count())
raydp.stop_spark()
attempt("stopped:", lambda: again.range(3).count())
attempt("no server:", raydp.connect_url)

begin_part("a killed JVM")
os.environ["SPARK_CONNECT_AUTHENTICATE_TOKEN"] = "a/b+c=d"
second = raydp.init_spark("t", 1, 1, "600m", connect=True)
say("another server:", raydp.from_spark(second.range(3)).count(), raydp.connect_url().rpartition("/")[2])
driver = driver_process()
assert driver is not None
driver.kill()
driver.wait(60)
attempt("no server:", raydp.connect_url)
classic = raydp.init_spark("t", 1, 1, "600m")
say("classic:", type(classic).__module__, classic.range(3).agg(F.sum("id")).first()[0])
