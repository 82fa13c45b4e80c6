"""A program of lifecycle/test_shuffle_service.py."""

import os
import signal

import ray
from shuffling import FOLDER, RIGHT, services, start, sums_of

import raydp
from raydp._application import current_application
from support.scripting import eventually, say


def status():
    return current_application().status()


def files():
    return list(FOLDER.iterdir())


spark = start(service=True, dynamic_allocation=True)
sums, computed = sums_of(spark)
say("first:", sorted(sums.collect()) == RIGHT, computed.value)
eventually("no executor is left", lambda: not status().registered, state=status)
say("second:", sorted(sums.collect()) == RIGHT, computed.value)
[service] = services()
# Ray's own socket listens on every address, as in each of its workers.
listening = [c.laddr.ip for c in service.net_connections("inet") if c.status == "LISTEN" and c.laddr.ip != "::"]
here = ray.util.get_node_ip_address()
say("listens here alone:", listening in ([here], [f"::ffff:{here}"]) or listening)
say("entered by others:", [path.name for path in FOLDER.iterdir() if path.stat().st_mode & 0o77])

eventually("an executor is killed", lambda: sums.count() and status().registered, state=status)
os.kill(status().registered[0].pid, signal.SIGKILL)
say("third:", sorted(sums.collect()) == RIGHT, computed.value)

service.kill()
say("fourth:", sorted(sums.collect()) == RIGHT, "computed again:", computed.value >= 2000)
say("another service:", len(services()), services() != [service])
say("from_spark:", raydp.from_spark(spark.range(0, 1000, 1, 3).groupBy("id").count()).count())
raydp.stop_spark()
eventually("the folder is empty", lambda: not files(), seconds=60, state=files)
eventually("the service is gone", lambda: not services(), seconds=60, state=services)
