"""The external shuffle service: files that outlive their executors, and none that outlives the application."""

from __future__ import annotations

import signal
import uuid
from typing import TYPE_CHECKING

import pytest

from support import programs
from support.datasets import eventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

START = """
        start_ray()
        folder = os.environ["TEST_FOLDER"]
        family = lambda: programs.marked_processes(os.environ["RAYDP_TEST_MARK"])
        services = lambda: [p for p in family() if "-Draydp.role=shuffle-service" in p.cmdline()]
        spark = raydp.init_spark("t", 1, 1, "600m", configs={
            "spark.local.dir": folder,
            "spark.shuffle.service.enabled": "true",
            "spark.dynamicAllocation.enabled": "true",
            "spark.dynamicAllocation.minExecutors": "0",
            "spark.dynamicAllocation.maxExecutors": "2",
            "spark.dynamicAllocation.executorIdleTimeout": "2s",
            "spark.shuffle.io.maxRetries": "1",
            "spark.shuffle.io.retryWait": "1s"})
        from raydp._application import current_application
        status = lambda: current_application().status()
        registered = lambda: status().registered
        computed = spark.sparkContext.accumulator(0)
        def pair(number):
            computed.add(1)
            return number % 5, 1
        sums = spark.sparkContext.parallelize(range(1000), 4).map(pair).reduceByKey(lambda a, b: a + b, 4)
        right = [(key, 200) for key in range(5)]
"""


def test_shuffle_files_outlive_executors(tmp_path: Path) -> None:
    outcome = programs.run(
        START
        + """
        say("first:", sorted(sums.collect()) == right, computed.value)
        eventually("no executor is left", lambda: not registered(), state=status)
        say("second:", sorted(sums.collect()) == right, computed.value)
        [service] = services()
        # Ray's own listens on every address, as in each of its workers.
        listening = [c.laddr.ip for c in service.net_connections("inet") if c.status == "LISTEN" and c.laddr.ip != "::"]
        here = ray.util.get_node_ip_address()
        say("listens here alone:", listening in ([here], [f"::ffff:{here}"]) or listening)
        say("entered by others:", [p for p in os.listdir(folder) if os.stat(f"{folder}/{p}").st_mode & 0o77])

        eventually("an executor is killed", lambda: sums.count() and registered(), state=status)
        os.kill(registered()[0].pid, signal.SIGKILL)
        say("third:", sorted(sums.collect()) == right, computed.value)

        service.kill()
        say("fourth:", sorted(sums.collect()) == right, "computed again:", computed.value >= 2000)
        say("another service:", len(services()), services() != [service])
        say("from_spark:", raydp.from_spark(spark.range(0, 1000, 1, 3).groupBy("id").count()).count())
        raydp.stop_spark()
        eventually("the folder is empty", lambda: not os.listdir(folder), seconds=20, state=lambda: os.listdir(folder))
        eventually("the service is gone", lambda: not services(), seconds=20, state=services)
        """,
        env={"TEST_FOLDER": str(tmp_path), "RAYDP_TEST_MARK": uuid.uuid4().hex},
    )
    assert outcome.code == 0, outcome.everything
    assert outcome.output.splitlines() == [
        "first: True 1000",
        "no executor is left",
        "second: True 1000",
        "listens here alone: True",
        "entered by others: []",
        "an executor is killed",
        "third: True 1000",
        "fourth: True computed again: True",
        "another service: 1 True",
        "from_spark: 1000",
        "the folder is empty",
        "the service is gone",
    ], outcome.everything


@pytest.mark.parametrize("service", ["true", "false"])
def test_a_killed_driver_leaves_no_files(tmp_path: Path, service: str) -> None:
    mark = uuid.uuid4().hex
    folder = tmp_path / "local"
    folder.mkdir()
    program = programs.start(
        START.replace('"spark.shuffle.service.enabled": "true"', f'"spark.shuffle.service.enabled": "{service}"')
        # One executor: another, killed between making its folder and having it guarded, would leave that, empty.
        .replace('"spark.dynamicAllocation.enabled": "true"', '"spark.dynamicAllocation.enabled": "false"')
        + """
        say("result:", sorted(sums.collect()) == right)
        say("files:", len(os.listdir(folder)) >= 2)
        time.sleep(300)
        """,
        env={"TEST_FOLDER": str(folder), "RAYDP_TEST_MARK": mark},
        log=tmp_path / "log",
    )
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == "result: True\n", (tmp_path / "log").read_text()
        assert program.stdout.readline() == "files: True\n"
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()
    assert programs.await_none(mark, seconds=20) == []
    assert eventually(lambda: list(folder.iterdir()) == [], within=20), list(folder.iterdir())
