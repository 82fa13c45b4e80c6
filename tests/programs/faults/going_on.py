"""A program of faults/test_going_on.py: failures one after another, in one process that starts again after each."""

import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import ray
from pyspark.sql import DataFrame, SparkSession

import raydp
from support import applications
from support.scripting import begin_part, eventually, kill_process_of_ray, say, start_ray

SETTINGS = {"spark.ui.enabled": False, "spark.raydp.banner": False, "spark.raydp.archiveClasses": False}
STOP_SECONDS = 60  # 10 on a machine that does nothing else
leave_ray = ray.shutdown  # taken before raydp learns of the program's calls
frames: list[DataFrame] = []
"""A frame of each session."""


def start() -> SparkSession:
    session = raydp.init_spark("t", 1, 1, "600m", configs=SETTINGS)
    frames.append(session.range(100))
    return session


def outcome_of(action: Callable[[], object]) -> str:
    try:
        return str(action())
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


def stop_in_time() -> None:
    begin = time.monotonic()
    say("stopped:", outcome_of(raydp.stop_spark), "in time:", time.monotonic() - begin < STOP_SECONDS)


def shut_ray_down_in_time() -> None:
    begin = time.monotonic()
    say("shut down:", outcome_of(ray.shutdown), "in time:", time.monotonic() - begin < STOP_SECONDS)


def crash_files(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("hs_err*") if path.read_text().rstrip().endswith("END.")]


def interrupt_when(what: str, condition: Callable[[], bool]) -> threading.Thread:
    """Press Ctrl-C as soon as a condition holds, in a thread."""

    def press() -> None:
        eventually(what, condition)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


def rows_and_a_deadly_one(jvm: int) -> Iterator[object]:
    """Yield a row that kills the driver JVM when a program gets it, and more rows than fit into buffers."""

    class Deadly:
        def __reduce__(self) -> tuple[object, ...]:
            return os.kill, (jvm, signal.SIGKILL.value)

    yield Deadly()
    for _ in range(50):
        yield "x" * 1_000_000


def kill_jvm() -> None:
    applications.driver_process().kill()
    applications.driver_process().wait()


def convert() -> int:
    return ray.data.from_spark(frames[-1]).count()


resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
start_ray()

begin_part("crash")
spark = start()
logs = Path(applications.session_directory(), "logs")
dataset = ray.data.from_spark(spark.range(10))
rows = raydp.to_spark(dataset)
say("rows:", rows.count(), convert())
os.kill(applications.executor_processes()[0], signal.SIGSEGV)
eventually("the executor has left its file", lambda: crash_files(logs))
applications.driver_process().send_signal(signal.SIGSEGV)
applications.driver_process().wait(60)
say("files:", len(crash_files(logs)), sorted(Path.cwd().glob("hs_err*")))
say("core dumps:", sorted(Path.cwd().glob("*core*")))
say("convert:", outcome_of(convert))
stop_in_time()
say("still there:", dataset.count())

begin_part("kill without stop")
spark = start()
deadly = spark.sparkContext.parallelize([applications.driver_process().pid], 1).flatMap(rows_and_a_deadly_one)
say("rows:", convert(), deadly.count())
say("collect:", outcome_of(lambda: len(deadly.collect())))
eventually("its folder is gone", lambda: not Path(spark.sparkContext._temp_dir).exists(), seconds=60)
say("parallelize:", outcome_of(lambda: spark.sparkContext.parallelize(range(10), 2).count()))
say("broadcast:", outcome_of(lambda: spark.sparkContext.broadcast(1)))
spark = start()
say("rows:", convert())
iterator = spark.range(30_000).selectExpr("repeat('x', 2000) AS text").coalesce(1).toLocalIterator()
say("first:", len(next(iterator).text))

begin_part("built again")
kill_jvm()
say("iterate:", outcome_of(lambda: sum(1 for _ in iterator)))
built = SparkSession.builder.master("ray").config("spark.executor.instances", 1).getOrCreate()
say("another one:", built is not spark, "rows:", built.range(100).count())
spark = built

begin_part("stop of the session")
kill_jvm()
say("session:", outcome_of(spark.stop))
spark = start()
say("rows:", convert())

begin_part("frozen")
applications.driver_process().send_signal(signal.SIGSTOP)
stop_in_time()

begin_part("interrupted start")
interrupt = interrupt_when("starting", lambda: applications.state() == "starting")
say("start:", outcome_of(start))
interrupt.join()
say("state:", applications.state(), applications.driver_process())

begin_part("another Ray")
spark = start()
leave_ray()
start_ray()
say("convert:", outcome_of(convert))
spark = start()
say("rows:", convert())

begin_part("raylet")
kill_process_of_ray("raylet")
say("convert:", outcome_of(convert))
say("start:", outcome_of(start))
shut_ray_down_in_time()
start_ray()

begin_part("Ray first")
spark = start()
say("rows:", convert())
rows = raydp.to_spark(ray.data.from_spark(spark.range(10)))
begin = time.monotonic()
ray.shutdown()
say("in time:", time.monotonic() - begin < STOP_SECONDS, "Spark:", applications.driver_process())
say("convert:", outcome_of(convert))
stop_in_time()
say("Ray:", ray.is_initialized())

begin_part("stop during a conversion")
start_ray()
spark = start()
words: list[str] = []
collected: list[str] = []


def convert_slowly() -> None:
    slow = spark.range(0, 400, 1, 400).selectExpr("java_method('java.lang.Thread', 'sleep', 500L)", "id")
    words.append(outcome_of(lambda: ray.data.from_spark(slow).count()))


def collect_again_and_again() -> None:
    while (said := outcome_of(lambda: len(spark.range(10).collect()))) == "10":
        pass
    collected.append(said)


converting = threading.Thread(target=convert_slowly)
collecting = [threading.Thread(target=collect_again_and_again) for _ in range(3)]
converting.start()
eventually("converting", applications.exports_in_progress)
for thread in collecting:
    thread.start()
stop_in_time()
for thread in [converting, *collecting]:
    thread.join(60)
say("conversion:", *words)
say("collected:", len(collected), {said.partition(":")[0] for said in collected})

begin_part("interrupted stop")
spark = start()
say("rows:", convert())
interrupt = interrupt_when("stopping", applications.is_stopping)
say("stopped:", outcome_of(raydp.stop_spark))
interrupt.join()
say("state:", applications.state(), applications.driver_process())

begin_part("head")
spark = start()
say("rows:", convert())
kill_process_of_ray("gcs_server")
say("convert:", outcome_of(convert))
stop_in_time()
say("start:", outcome_of(start))
shut_ray_down_in_time()
start_ray()

begin_part("last line")
spark = start()
say("rows:", convert())
rows = raydp.to_spark(ray.data.from_spark(spark.range(10)))
ray.shutdown()
