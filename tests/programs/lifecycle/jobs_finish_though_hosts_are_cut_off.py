"""A program of lifecycle/test_hosts.py."""

import time

import psutil
import pyarrow as pa
import ray
from on_hosts import ALL_HOSTS, begin_job, executors, executors_on, join_ray, session
from pyspark.sql import functions as F

import raydp
from raydp._application import current_application
from support import datasets
from support.scripting import eventually, say

join_ray()
spark = session(3, 1, **{"spark.network.timeout": "30s", "spark.network.timeoutInterval": "5s"})


def ids():
    return {executor.id for executor in executors()}


# One host is full with two executors. The other has one, and capacity for another.
few, many = sorted(ALL_HOSTS[1:], key=lambda host: len(executors_on(host)))
begun_with = ids()

end = begin_job(spark, 1)
many.cut()
time.sleep(5)
many.join()
end(120)
assert ids() == begun_with, (begun_with, current_application().status())
assert spark.range(0, 1000, 1, 4).repartition(4).count() == 1000
say("a short cut heals")

[frozen] = executors_on(few)
process = psutil.Process(frozen.pid)
end = begin_job(spark, 1)
for one in [process, *process.children(recursive=True)]:
    one.suspend()
started = time.monotonic()
eventually(
    "another comes in the place of the one that stands still",
    lambda: frozen.id not in ids() and len(ids()) == 3,
    seconds=120,
)
say("after", round(time.monotonic() - started), "s")
eventually("its process is gone", lambda: not process.is_running(), seconds=60)
end(120)


def given_up(host):
    nodes = [n for n in ray.nodes() if n["NodeManagerAddress"] == host.address]
    return not any(n["Alive"] for n in nodes)


made = datasets.block_refs(raydp.from_spark(spark.range(0, 300_000, 1, 6)))
end = begin_job(spark, 2)
few.cut()
started = time.monotonic()
eventually("Ray gives the host up", lambda: given_up(few), seconds=60)
few.join()
say("after", round(time.monotonic() - started), "s")
eventually(
    "what ran there ends when it comes back",
    lambda: not few.of_application(),
    seconds=60,
    state=few.of_application,
)
say("after", round(time.monotonic() - started), "s")
say("start the nodes that ended")
eventually("an executor on the host's new node", lambda: len(executors_on(few)) == 1, seconds=120)
end(180)
table = pa.concat_tables(ray.get(made, timeout=120))
assert sorted(table["id"].to_pylist()) == list(range(300_000))
say("blocks of the lost node are recomputed")

end = begin_job(spark, 1)
many.cut()
started = time.monotonic()
eventually("two executors on the host that is left", lambda: len(executors_on(few)) == 2, seconds=120)
say("after", round(time.monotonic() - started), "s")
end(180)
say("the job ended after", round(time.monotonic() - started), "s")
again = raydp.from_spark(spark.range(0, 1000, 1, 4).repartition(4))
assert raydp.to_spark(again).agg(F.sum("id")).first()[0] == sum(range(1000))
eventually(
    "nothing runs on the host that is cut off",
    lambda: not many.of_application(),
    seconds=120,
    state=many.of_application,
)
say("after", round(time.monotonic() - started), "s")
raydp.stop_spark()
say("end")
