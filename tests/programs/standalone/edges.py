"""A program of standalone/test_edges_of_clusters.py: what clusters do at the edges of their lives."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyspark
import ray

import raydp
from raydp._configuration.security import UI_TOKEN
from support import programs
from support.datasets import eventually as comes_true
from support.scripting import attempt, begin_part, say, start_ray
from support.standalone_in_ray import daemons_of, folders_left, worker_ports

MARK = os.environ["RAYDP_TEST_MARK"]
JOB = Path(__file__).with_name("plain_job.py")
SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"


def start() -> raydp.StandaloneCluster:
    return raydp.start_standalone(1, 1, "600m", timeout_seconds=240)


def submit(properties: Path, *options: str) -> tuple[int, str]:
    command = [str(SUBMIT), "--properties-file", str(properties), *options, str(JOB)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    return done.returncode, done.stdout.strip() if done.returncode == 0 else done.stderr.strip()


def is_gone() -> bool:
    return comes_true(lambda: not daemons_of(MARK) and not folders_left(), within=60)


def leave_by_error() -> None:
    with start():
        raise ValueError("an error of the program")


def interrupt(when: str) -> threading.Thread:
    """Press Ctrl-C as soon as there is a daemon of a class, in a thread."""

    def press() -> None:
        assert comes_true(
            lambda: any(when in word for one in daemons_of(MARK) for word in programs.words_of(one)), within=120
        )
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


def interrupted(when: str) -> str:
    thread = interrupt(when)
    try:
        start()
    except KeyboardInterrupt:
        return "interrupted"
    finally:
        thread.join()
    return "started"


@ray.remote(num_cpus=0)
class Owner:
    """An actor that has a cluster."""

    def start(self) -> str:
        self.cluster = start()
        return self.cluster.master_url

    def submit(self) -> tuple[int, str]:
        return submit(self.cluster.properties_file)


@ray.remote(num_cpus=0)
def in_task() -> tuple[int, str]:
    with start() as cluster:
        return submit(cluster.properties_file)


start_ray(num_cpus=4)
begin_part("two clusters")
first, second = start(), start()
say("apart:", first.master_url != second.master_url, first.ui_url != second.ui_url)
keys = ("spark.authenticate.secret", UI_TOKEN)
say("own secrets:", all(first.settings[key] != second.settings[key] for key in keys))
say("submitted:", submit(second.properties_file))
first.stop()
say("the other goes on:", len(worker_ports(second)), second.is_stopped)
attempt("no worker:", lambda: second.scale(0, timeout_seconds=120))
attempt("again:", lambda: second.scale(1, timeout_seconds=120))
second.stop()
second.stop()
say("nothing is left:", is_gone())
code, error = submit(second.properties_file)
say("submitted to a stopped one:", code != 0, str(second.properties_file) in error)

begin_part("left by an error")
attempt("error:", leave_by_error)
say("nothing is left:", is_gone())

begin_part("interrupted")
say("master:", interrupted("deploy.master.Master"))
say("nothing is left:", is_gone())
say("worker:", interrupted("deploy.worker.Worker"))
say("nothing is left:", is_gone())

begin_part("in Ray")
say("task:", ray.get(in_task.remote(), timeout=240))
say("nothing is left:", is_gone())
owner = Owner.remote()
url = ray.get(owner.start.remote(), timeout=240)
say("actor:", url.partition("//")[0], ray.get(owner.submit.remote(), timeout=240))
del owner
say("nothing is left:", is_gone())

begin_part("before ray.init")
ray.shutdown()
os.environ["RAY_ADDRESS"] = "local"
with raydp.start_standalone(1, 1, "600m", timeout_seconds=240) as cluster:
    say("workers:", len(worker_ports(cluster)), ray.is_initialized())
say("nothing is left:", is_gone())
sys.exit(0)
