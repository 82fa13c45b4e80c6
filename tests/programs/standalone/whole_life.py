"""A program of standalone/test_standalone_cluster.py: a cluster from start to end, and two applications on it."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pyspark
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import raydp
from support.datasets import eventually as comes_true
from support.programs import marked_processes, words_of
from support.scripting import attempt, begin_part, say, start_ray
from support.standalone import executor_processes
from support.standalone_in_ray import (
    daemons_of,
    folders_left,
    have_ended,
    kill_master,
    kill_worker_actor,
    worker_ports,
)

MARK = os.environ["RAYDP_TEST_MARK"]
JOB = Path(__file__).with_name("plain_job.py")


def agrees() -> bool:
    """Tell whether rows that cross from Spark to Ray and back are those that Spark has."""
    ds = raydp.from_spark(frame)
    there = sorted((row["id"], row["text"], list(row["list"]), row["k"]) for row in ds.take_all()) == expected
    back = raydp.to_spark(ds)
    return there and sorted(tuple(row) for row in back.collect()) == expected


def shown_secrets() -> int:
    """Return how many command lines have a secret of the cluster."""
    lines = [" ".join(words_of(process)) for process in marked_processes(MARK)]
    return sum(word in line for line in lines for word in (secret, token))


def answer(url: str, bearer: str = "none") -> int:
    """Return the status with which a page answers."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {bearer}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as page:
            return page.status
    except urllib.error.HTTPError as error:
        return error.code


begin_part("the start")
start_ray(num_cpus=4)
attempt("too many:", lambda: raydp.start_standalone(9, 3, "600m"))
cluster = raydp.start_standalone(num_workers=2, worker_cores=2, worker_memory="1000m", timeout_seconds=240)
say("looks like:", cluster)
say("notebook:", "<table>" in cluster._repr_html_())
status = cluster.properties_file.stat()
say("private:", oct(status.st_mode & 0o777), oct(cluster.properties_file.parent.stat().st_mode & 0o777))
secret = cluster.settings["spark.authenticate.secret"]
page, _, token = cluster.ui_url.partition("/?token=")
assert len(secret) == len(token) == 64
say("secrets in command lines:", shown_secrets())
addresses = {place.laddr.ip for daemon in daemons_of(MARK) for place in daemon.net_connections()}
say("listens beyond the node:", bool(addresses & {"0.0.0.0", "::"}))
say("UI:", answer(page), answer(f"{page}/?token=none"), answer(f"{page}/json/", token))

begin_part("sessions without the secret")
conf = SparkConf().setMaster(cluster.master_url).setAppName("t")
attempt("no secret:", lambda: SparkContext(conf=conf))
conf.set("spark.authenticate.secret", "wrong")
attempt("wrong secret:", lambda: SparkContext(conf=conf))

stranger = subprocess.Popen(
    [sys.executable, str(JOB.with_name("stranger.py")), cluster.master_url], stdout=subprocess.PIPE, text=True
)

begin_part("a plain session")
os.environ["PYSPARK_SUBMIT_ARGS"] = f"--properties-file {cluster.properties_file} pyspark-shell"
options = {
    "spark.sql.shuffle.partitions": "2",
    "spark.cores.max": "2",
    "spark.executor.cores": "1",
    "spark.executor.memory": "500m",
}
spark = SparkSession.builder.config(map=options).getOrCreate()
application = spark.sparkContext.applicationId
say("master:", spark.sparkContext.master == cluster.master_url)
frame = spark.range(0, 1000, 1, 4).selectExpr("id", "cast(id as string) as text", "array(id) as list", "id % 3 as k")
expected = sorted(tuple(row) for row in frame.collect())
raydp.attach(spark)
say("agrees:", agrees())
doubled = frame.select("id").mapInPandas(lambda frames: (one * 2 for one in frames), "id long")
say("Python workers:", doubled.agg(F.sum("id")).first()[0])
say("executors:", len(executor_processes(application)))
say("secrets in command lines:", shown_secrets())

begin_part("another application at once")
submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
smaller = ["--total-executor-cores", "1", "--executor-cores", "1", "--executor-memory", "500m"]
smaller += ["--conf", "spark.dynamicAllocation.enabled=true"]
done = subprocess.run(
    [str(submit), "--properties-file", str(cluster.properties_file), *smaller, str(JOB)],
    capture_output=True,
    text=True,
    timeout=240,
    check=False,
    env={name: value for name, value in os.environ.items() if name != "PYSPARK_SUBMIT_ARGS"},
)
say("it said:", done.stdout.strip() if done.returncode == 0 else done.stderr[-3000:])
say("this one:", frame.count())

begin_part("a killed worker")
executors = {process.pid for process in executor_processes(application)}
before = worker_ports(cluster)
gone = kill_worker_actor(cluster, executors)
say("went along:", comes_true(lambda: have_ended(gone), within=60))
say("replaced:", comes_true(lambda: len(worker_ports(cluster) - before) == 1, within=240), len(worker_ports(cluster)))
say("agrees:", agrees())

begin_part("a killed master")
ui = cluster.ui_url
kill_master(cluster)
say("goes on:", frame.count())
say("came back:", comes_true(lambda: len(worker_ports(cluster)) == 2, within=240), cluster.ui_url == ui)
say("same application:", spark.sparkContext.applicationId == application)
say("agrees:", agrees())

begin_part("other sizes")
say("scaled:", cluster.scale(1, timeout_seconds=120), cluster.num_workers)
say("works:", comes_true(lambda: len(executor_processes(application)) >= 1, within=120), frame.count())
attempt("too many:", lambda: cluster.scale(50))
attempt("a half:", lambda: cluster.scale(0.5))

begin_part("a stranger")
say(stranger.communicate(timeout=240)[0].strip())

begin_part("the end")
logs = [path.read_text(errors="replace") for path in Path(os.environ["RAY_TMPDIR"]).rglob("raydp-standalone-*.log")]
say("logs:", len(logs) >= 4, sum(word in log for log in logs for word in (secret, token)))
spark.stop()
begin = time.monotonic()
cluster.stop()
cluster.stop()
assert time.monotonic() - begin < 120
say("looks like:", cluster)
attempt("scaled:", lambda: cluster.scale(1))
say("left:", comes_true(lambda: not daemons_of(MARK), within=60))
say("folders:", len(folders_left()))
sys.exit(0)
