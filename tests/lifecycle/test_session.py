"""``init_spark``, ``stop_spark`` and unchanged PySpark programs, each in a process of its own."""

from __future__ import annotations

import tempfile
import uuid
from typing import TYPE_CHECKING

import pytest

from support import programs

if TYPE_CHECKING:
    import subprocess

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def test_the_same_arguments_give_the_same_session() -> None:
    outcome = programs.run(
        """
        start_ray()
        spark = raydp.init_spark("t", 1, 1, "600m", configs={"spark.sql.shuffle.partitions": 2})
        assert raydp.init_spark("t", 1, 1, 600 * 2**20, configs={"spark.sql.shuffle.partitions": "2"}) is spark
        for changed in (("other", 1, 1, "600m"), ("t", 2, 1, "600m"), ("t", 1, 1, "700m")):
            try:
                raydp.init_spark(*changed, configs={"spark.sql.shuffle.partitions": 2})
            except raydp.errors.SessionError as error:
                say("refused:", error)
        df = spark.range(5)
        ds = ray.data.from_spark(df)
        raydp.stop_spark()
        raydp.stop_spark()
        for attempt in (lambda: raydp.from_spark(df), lambda: raydp.to_spark(ds), lambda: ray.data.from_spark(df)):
            try:
                attempt()
            except raydp.errors.SessionError as error:
                say("stopped:", error)
        say("kept:", sorted(row["id"] for row in ds.take_all()))
        again = raydp.init_spark("again", 1, 1, "600m")
        partitions = again.conf.get("spark.sql.shuffle.partitions")
        say("again:", again.range(7).count(), again.sparkContext.appName, partitions)
        try:
            raydp.from_spark(df)
        except raydp.errors.SessionError as error:
            say("stopped:", error)
        """
    )
    lines = outcome.output.strip().splitlines()
    assert outcome.code == 0, outcome.everything
    refused = [line for line in lines if line.startswith("refused:")]
    assert "app_name: 't' before, 'other' now" in refused[0]
    assert "spark.executor.instances: '1' before, '2' now" in refused[1]
    assert "spark.executor.memory: '600m' before, '700m' now" in refused[2]
    assert len([line for line in lines if line.startswith("stopped:")]) == 4, outcome.everything
    assert "kept: [0, 1, 2, 3, 4]" in lines
    assert "again: 7 again 200" in lines


def test_unchanged_pyspark_program() -> None:
    outcome = programs.run(
        """
        start_ray()
        from pyspark.sql import SparkSession
        spark = (SparkSession.builder.master("ray").appName("plain").config("spark.executor.memory", "600m")
                 .config("spark.executor.instances", "1").getOrCreate())
        say(spark.sparkContext.master, spark.range(1000).count(), spark.sparkContext.appName)
        spark.stop()
        address = ray.get_runtime_context().gcs_address
        spark = SparkSession.builder.master(f"ray:{address}").config("spark.executor.memory", "600m").getOrCreate()
        say(spark.range(100).selectExpr("sum(id)").first()[0])
        spark.stop()
        raydp.stop_spark()
        from pyspark import SparkContext
        sc = SparkContext("ray", "bare")
        say(sc.parallelize(range(100), 4).map(lambda x: x * 2).sum())
        sc.stop()
        """
    )
    assert outcome.code == 0, outcome.everything
    assert outcome.output.strip().splitlines() == ["ray 1000 plain", "4950", "9900"], outcome.everything


def test_ray_is_started_and_the_ui_is_named() -> None:
    outcome = programs.run(
        """
        import os
        os.environ["RAY_DISABLE_IMPORT_WARNING"] = "1"
        spark = raydp.init_spark("t", 1, 1, "600m")
        say(ray.is_initialized(), spark.range(3).count(), spark.sparkContext.uiWebUrl)
        """,
        env={"RAY_ADDRESS": "local"},
    )
    assert outcome.code == 0, outcome.everything
    started, count, url = outcome.output.split()
    assert (started, count) == ("True", "3")
    assert f"Spark UI: {url}" in outcome.errors, outcome.everything


def test_inside_an_actor() -> None:
    outcome = programs.run(
        """
        start_ray()

        @ray.remote
        class Remote:
            def __init__(self):
                self.spark = raydp.init_spark("remote", 1, 1, "600m")

            def run(self):
                return self.spark.range(100).count(), raydp.from_spark(self.spark.range(50)).count()

            def stop(self):
                self.spark.stop()
                raydp.stop_spark()

        actor = Remote.remote()
        say(ray.get(actor.run.remote()))
        ray.get(actor.stop.remote())
        """
    )
    assert outcome.code == 0, outcome.everything
    assert outcome.output.strip() == "(100, 50)"


@pytest.mark.parametrize("authentication", ["token", "disabled"])
def test_applications_at_once(authentication: str, pytestconfig: pytest.Config) -> None:
    count = pytestconfig.getoption("--applications") if authentication == "token" else 2
    program = """
        ray.init(address=os.environ["TEST_ADDRESS"], log_to_driver=False)
        spark = raydp.init_spark("app " + os.environ["TEST_NAME"], 1, 1, "600m")
        say("up", spark.sparkContext.applicationId)
        import pathlib
        other = pathlib.Path(os.environ["TEST_MEETING"])
        (other / os.environ["TEST_NAME"]).touch()
        eventually("all up", lambda: len(list(other.iterdir())) == int(os.environ["TEST_COUNT"]), seconds=300)
        ds = raydp.from_spark(spark.range(10_000).selectExpr("id", "id % 7 as k"))
        say("sum", ds.sum("k"), raydp.to_spark(ds).groupBy("k").count().count())
        raydp.stop_spark()
        """
    host = programs.start(
        """
        start_ray(num_cpus=int(os.environ["TEST_CPUS"]))
        say(ray.get_runtime_context().gcs_address)
        signal.pause()
        """,
        # Executors take one each; Ray Data's tasks need some, too.
        env={"RAY_AUTH_MODE": authentication, "TEST_CPUS": str(count + 4)},
    )
    members: list[subprocess.Popen[str]] = []
    try:
        assert host.stdout is not None
        address = host.stdout.readline().strip()
        assert address
        with tempfile.TemporaryDirectory() as meeting:
            for name in map(str, range(count)):
                env: dict[str, str | None] = {
                    "TEST_ADDRESS": address,
                    "TEST_NAME": name,
                    "TEST_COUNT": str(count),
                    "TEST_MEETING": meeting,
                    "RAY_AUTH_MODE": authentication,
                }
                members.append(programs.start(program, env=env))
            ends = [member.communicate(timeout=500) for member in members]
        for member, (output, errors) in zip(members, ends, strict=True):
            assert member.returncode == 0, output + errors
            assert f"sum {sum(i % 7 for i in range(10_000))} 7" in output, output + errors
        names = {line for output, _ in ends for line in output.splitlines() if line.startswith("up ")}
        assert len(names) == count, names
    finally:
        for member in members:
            programs.kill_session(member.pid)
        programs.kill_session(host.pid)
        host.communicate()


def test_nothing_is_left_after_stop() -> None:
    mark = uuid.uuid4().hex
    outcome = programs.run(
        """
        start_ray()
        spark = raydp.init_spark("t", 2, 1, "600m")
        ds = raydp.from_spark(spark.range(100_000).selectExpr("id", "cast(id as string) s"))
        assert raydp.to_spark(ds).count() == 100_000
        assert spark.sparkContext.parallelize(range(10), 4).map(lambda x: x + 1).sum() == 55
        raydp.stop_spark()
        def ours():
            family = [(p.name(), p.cmdline()) for p in programs.marked_processes(os.environ["RAYDP_TEST_MARK"])]
            return [words[:3] for name, words in family if name == "java" or "raydp._spark.worker_daemon" in words
                    or words[0].startswith("ray::ExchangeAgent")]
        deadline = time.monotonic() + 20
        while ours() and time.monotonic() < deadline:
            time.sleep(0.2)
        say("left:", ours())
        say("data:", ds.count(), ds.sum("id"))
        """,
        env={"RAYDP_TEST_MARK": mark},
    )
    assert outcome.code == 0, outcome.everything
    assert "left: []" in outcome.output, outcome.everything
    assert f"data: 100000 {sum(range(100_000))}" in outcome.output
    assert programs.await_none(mark, seconds=20) == []
