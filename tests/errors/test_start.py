"""Starts that cannot work end with one clear error within a stated time, and leave nothing behind."""

from __future__ import annotations

import time

import pytest

from support import programs

pytestmark = pytest.mark.timeout(600)  # each starts clusters and JVMs of its own

SHORT = '{"spark.raydp.executor.infeasibleTimeout": "5", "spark.raydp.executor.startTimeout": "40"}'


def test_no_ray_at_the_address() -> None:
    outcome = programs.run(
        """
        from pyspark.sql import SparkSession
        for master in ("ray:127.0.0.1:1", "ray://127.0.0.1:10001", "ray:nonsense", "ray:host:99999"):
            try:
                SparkSession.builder.master(master).getOrCreate()
            except raydp.errors.RaydpError as error:
                say(type(error).__name__, error)
        say("ray started:", ray.is_initialized())
        """
    )
    lines = outcome.output.strip().splitlines()
    assert outcome.code == 0, outcome.everything
    assert lines[0].startswith("ClusterError No Ray cluster answers") and "127.0.0.1:1" in lines[0], lines
    assert lines[1].startswith("InvalidArgumentError ray:// is the scheme of Ray Client"), lines
    assert lines[2].startswith("InvalidArgumentError This Spark master URL is malformed"), lines
    assert lines[3].startswith("InvalidArgumentError This Spark master URL is malformed"), lines
    assert lines[4] == "ray started: False"


@pytest.mark.cluster
def test_what_spark_itself_refuses() -> None:
    outcome = programs.run(
        """
        start_ray(num_cpus=2)
        raydp.init_spark("t", 1, 1, "600m", configs={
            "spark.dynamicAllocation.enabled": True, "spark.dynamicAllocation.schedulerBacklogTimeout": "1ms"})
        """
    )
    assert outcome.code == 1
    last = outcome.errors.strip().splitlines()[-1]
    assert "SessionError: Spark could not be started" in last, outcome.everything
    assert "spark.dynamicAllocation.schedulerBacklogTimeout must be > 0" in last
    assert "exception str() failed" not in outcome.errors


@pytest.mark.cluster
def test_more_than_any_node_has() -> None:
    outcome = programs.run(
        f"""
        start_ray(num_cpus=2)
        begin = time.monotonic()
        try:
            raydp.init_spark("t", 1, 64, "1g", configs={SHORT})
        except raydp.errors.ClusterError as error:
            say(type(error).__name__, f"after {{time.monotonic() - begin:.0f}} s:", error)
        spark = raydp.init_spark("t", 1, 1, "600m")
        say("then:", spark.range(10).count())
        raydp.stop_spark()
        """
    )
    assert outcome.code == 0, outcome.everything
    first, last = outcome.output.strip().split("\nthen: ")
    assert first.startswith("ClusterError after")
    assert "64" in first and "CPU" in first and "2" in first, first
    assert int(first.split("after ")[1].split(" s:")[0]) < 60
    assert last == "10"


@pytest.mark.cluster
def test_an_executor_that_cannot_start_shows_its_log() -> None:
    outcome = programs.run(
        """
        start_ray(num_cpus=2)
        try:
            raydp.init_spark("t", 1, 1, "600m", configs={
                "spark.executor.extraJavaOptions": "-javaagent:/no/such/agent.jar",
                "spark.raydp.executor.startTimeout": "30",
            })
        except raydp.errors.ExecutorStartError as error:
            say("refused:", error)
        """
    )
    assert outcome.code == 0, outcome.everything
    assert "refused:" in outcome.output
    assert "/no/such/agent.jar" in outcome.output, outcome.everything


def test_a_python_without_pyspark() -> None:
    begin = time.monotonic()
    outcome = programs.run(
        """
        try:
            raydp.init_spark("t", 1, 1, "600m")
        except raydp.errors.MissingRequirementError as error:
            say("refused:", error, ray.is_initialized())
        """,
        env={"PYSPARK_PYTHON": "/usr/bin/python3"},
    )
    assert outcome.code == 0, outcome.everything
    assert outcome.output.startswith("refused: The interpreter of the Python workers"), outcome.everything
    assert "/usr/bin/python3" in outcome.output
    assert outcome.output.strip().endswith("False")
    assert time.monotonic() - begin < 60


@pytest.mark.cluster
def test_a_jvm_that_is_not_ours() -> None:
    outcome = programs.run(
        """
        from pyspark.sql import SparkSession
        plain = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
        for attempt in (lambda: raydp.init_spark("t", 1, 1, "600m"), lambda: raydp.from_spark(plain.range(3))):
            try:
                attempt()
            except raydp.errors.SessionError as error:
                say("refused:", error)
        plain.stop()
        try:
            raydp.init_spark("t", 1, 1, "600m")
        except raydp.errors.SessionError as error:
            say("refused:", error)
        """
    )
    lines = outcome.output.strip().splitlines()
    assert outcome.code == 0, outcome.everything
    assert len(lines) == 3, outcome.everything
    assert "not started by raydp.init_spark" in lines[0]
    assert "no running Spark session on Ray" in lines[1]
    assert "without raydp's jar" in lines[2]


@pytest.mark.cluster
def test_unknown_settings_and_connect() -> None:
    outcome = programs.run(
        """
        start_ray(num_cpus=2)
        try:
            raydp.init_spark("t", 1, 1, "600m", configs={"spark.raydp.exchange.blokSize": "4m"})
        except raydp.errors.InvalidArgumentError as error:
            say("refused:", error)
        os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
        try:
            raydp.init_spark("t", 1, 1, "600m")
        except raydp.errors.SessionError as error:
            say("refused:", error)
        """
    )
    lines = outcome.output.strip().splitlines()
    assert outcome.code == 0, outcome.everything
    assert "spark.raydp.exchange.blokSize" in lines[0] and "spark.raydp.exchange.blockSize" in lines[0], lines
    assert "Spark Connect" in lines[1]
