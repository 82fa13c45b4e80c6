"""A start that cannot work ends in time with one clear error, and leaves nothing."""

from __future__ import annotations

import re
import time

import pytest

from support import programs


def test_no_ray_at_the_address() -> None:
    outcome = programs.run("errors/no_ray_at_the_address")
    lines = outcome.output.strip().splitlines()
    assert outcome.code == 0, outcome.everything
    assert lines[0].startswith("ClusterError No Ray cluster answers") and "127.0.0.1:1" in lines[0], lines
    assert lines[1].startswith("InvalidArgumentError ray:// is the scheme of Ray Client"), lines
    assert lines[2].startswith("InvalidArgumentError This Spark master URL is malformed"), lines
    assert lines[3].startswith("InvalidArgumentError This Spark master URL is malformed"), lines
    assert lines[4] == "ray started: False"


@pytest.fixture(scope="module")
def failed_starts() -> programs.Outcome:
    """Starts that fail, one after another in one program."""
    return programs.run("errors/starts_that_fail")


@pytest.mark.cluster
def test_what_spark_itself_refuses(failed_starts: programs.Outcome) -> None:
    outcome = failed_starts
    assert outcome.code == 1
    last = outcome.errors.strip().splitlines()[-1]
    assert "SessionError: Spark could not be started" in last, outcome.everything
    assert "spark.dynamicAllocation.schedulerBacklogTimeout must be > 0" in last
    assert "exception str() failed" not in outcome.errors
    assert "Error initializing SparkContext" not in outcome.errors  # Spark's log has the same stack


@pytest.mark.cluster
@pytest.mark.promised("init_spark", "ClusterError")
def test_more_than_any_node_has(failed_starts: programs.Outcome) -> None:
    first, last = failed_starts.part("too large").strip().split("\nthen: ")
    first, alone = first.split("\nalone: ")
    waited = re.search(r"Waited (\d+) s; one executor demands ", alone)
    assert waited and int(waited[1]) < 15, alone  # on a cluster of its own; 1 on a machine that does nothing else
    assert first.startswith("ClusterError after"), failed_starts.everything
    assert "64" in first and "CPU" in first and "2" in first, first
    assert int(first.split("after ")[1].split(" s:")[0]) < 60
    told = "raydp: 1 executor waits for a node that can hold one (executor 1): no node of the cluster has enough CPU."
    assert told in failed_starts.errors and "of at most 5 s" in failed_starts.errors, failed_starts.everything
    assert last == "10"
    assert "ERROR ExecutorFleet" not in failed_starts.errors  # the exception says the same


@pytest.mark.cluster
@pytest.mark.promised("init_spark", "ExecutorStartError")
def test_an_executor_that_cannot_start_shows_its_log(failed_starts: programs.Outcome) -> None:
    said = failed_starts.part("no executor")
    assert "refused:" in said
    assert "/no/such/agent.jar" in said, failed_starts.everything


@pytest.mark.promised("init_spark", "MissingRequirementError")
def test_a_python_without_pyspark() -> None:
    begin = time.monotonic()
    outcome = programs.run(
        "errors/a_python_without_pyspark",
        env={"PYSPARK_PYTHON": "/usr/bin/python3"},
    )
    assert outcome.code == 0, outcome.everything
    assert outcome.output.startswith("refused: The interpreter of the Python workers"), outcome.everything
    assert "/usr/bin/python3" in outcome.output
    assert outcome.output.strip().endswith("False")
    assert time.monotonic() - begin < 60


@pytest.mark.cluster
@pytest.mark.promised("init_spark", "SessionError")
def test_a_jvm_that_is_not_ours(failed_starts: programs.Outcome) -> None:
    lines = failed_starts.part("a JVM that is not ours").strip().splitlines()
    assert len(lines) == 3, failed_starts.everything
    assert "not started by raydp.init_spark" in lines[0]
    assert "no running Spark session on Ray" in lines[1]
    assert lines[2] == "started: 3", failed_starts.everything


@pytest.mark.cluster
def test_unknown_settings_and_connect(failed_starts: programs.Outcome) -> None:
    setting = failed_starts.part("unknown setting")
    assert "spark.raydp.exchange.blokSize" in setting and "spark.raydp.exchange.blockSize" in setting, setting
    assert "Spark Connect" in failed_starts.part("connect"), failed_starts.everything
