"""What wins over what among an application's settings, however it is started. Needs no cluster and no JVM."""

from __future__ import annotations

import itertools
import tempfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark import SparkContext
from pyspark.sql import SparkSession

import raydp
from raydp._application import context_hook, settings, start, submitted
from raydp._application.settings import Contribution, Driver, checked, complete_settings, merge
from raydp._deployments.native import NativeDeployment
from raydp._machine.java import Java
from raydp._ray.cluster import RayCluster
from raydp._spark.internals import forget_builder_options
from raydp._submission.options import parse
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CLUSTER = RayCluster("10.0.0.1:6379", "namespace", "10.0.0.1", tempfile.gettempdir())
OWN = {
    "spark.app.name": "t",
    "spark.executor.instances": "2",
    "spark.executor.cores": "1",
    "spark.executor.memory": "1024m",
    "spark.ui.filters": "mine.Filter",
    "spark.decommission.enabled": "false",
}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Java:
    """A machine that passes all checks, and a cluster that exports metrics."""
    monkeypatch.setattr(settings, "preflight", lambda _: None)
    monkeypatch.setattr(settings, "check_address", lambda _: None)
    monkeypatch.setattr(settings, "join_cluster", lambda _: CLUSTER)
    monkeypatch.setattr(settings, "find_archive", lambda *_: tmp_path / "executor.jsa")
    monkeypatch.setattr(settings, "worker_settings", lambda _: {"spark.python.daemon.module": "daemon"})
    monkeypatch.setattr("raydp._deployments.native.inherited_settings", lambda: {"spark.raydp.runtimeEnv": "{}"})
    monkeypatch.setattr("raydp._deployments.native.class_path", lambda: [tmp_path / "raydp.jar"])
    monkeypatch.setattr("raydp._application.metrics._is_exported", lambda: True)
    return Java.__new__(Java)


def completed(java: Java, given_settings: Mapping[str, str], *, is_python: bool = True) -> dict[str, str]:
    driver = Driver(NativeDeployment(), java, is_python=is_python)
    return complete_settings("ray", checked(given_settings), driver)[1]


def test_variables_of_raydp_1_6_name_configurations_of_log4j(machine: Java, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LOG4J_CONFIG_FILE_NAME", "driver.xml")
    monkeypatch.setenv("RAY_LOG4J_CONFIG_FILE_NAME", "executors.xml")
    driver, executors = "spark.raydp.driver.log4jConfiguration", "spark.raydp.executor.log4jConfiguration"
    found = completed(machine, {executors: "own.xml"})
    assert (found[driver], found[executors]) == ("driver.xml", "own.xml")
    assert completed(machine, {})[executors] == "executors.xml"


def test_contributors_fill_gaps_and_extend_lists(machine: Java) -> None:
    from_nothing = completed(machine, {})
    for key in from_nothing:
        if key.startswith(
            ("spark.raydp.executor.classPath", "spark.metrics", "spark.driver", "spark.python", "spark.sql")
        ):
            value = "7" if key.endswith("period") else "mine"
            assert completed(machine, {key: value})[key] == value
    complete = completed(machine, OWN)
    assert complete["spark.ui.filters"] == "io.raydp.security.UiTokenFilter,mine.Filter"
    assert {**complete, "spark.ui.filters": "mine.Filter"}.items() >= OWN.items()
    # Shuffle files of executors that are not decommissioned keep their executor.
    assert "spark.dynamicAllocation.shuffleTracking.enabled" not in complete
    assert from_nothing["spark.dynamicAllocation.shuffleTracking.enabled"] == "false"
    assert from_nothing["spark.driver.host"] == CLUSTER.node_address
    assert from_nothing["spark.raydp.executor.classDataArchive"].endswith("executor.jsa")


def test_a_jar_has_no_python_workers_or_metrics(machine: Java) -> None:
    python, jar = completed(machine, OWN), completed(machine, OWN, is_python=False)
    left_out = {key for key in python if key not in jar}
    assert left_out == {
        "spark.python.daemon.module",
        "spark.metrics.conf.*.sink.ray.class",
        "spark.metrics.conf.*.sink.ray.period",
        "spark.metrics.conf.driver.source.raydp.class",
    }
    assert jar["spark.raydp.executor.classDataArchive"].endswith("executor.jsa")
    del python["spark.raydp.app.id"], jar["spark.raydp.app.id"]
    assert {key: value for key, value in python.items() if key not in left_out} == jar


def test_wrong_settings_are_refused_before_anything_is_done(machine: Java, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "join_cluster", lambda _: pytest.fail("joined"))
    with pytest.raises(InvalidArgumentError, match=r"Did you mean spark\.raydp\.banner\?"):
        completed(machine, {"spark.raydp.banne": "false"})
    with pytest.raises(InvalidArgumentError, match="Encryption needs authentication"):
        completed(machine, {"spark.authenticate": "false", "spark.raydp.network.encryption": "true"})


KEYS = st.dictionaries(st.sampled_from("abcd"), st.text(max_size=2))


@given(KEYS, KEYS, KEYS)
def test_the_rule_of_precedence(given_settings: dict[str, str], first: dict[str, str], second: dict[str, str]) -> None:
    merged = merge(merge(given_settings, Contribution(first)), Contribution(second))
    assert merged == {**second, **first, **given_settings}
    assert merge(given_settings, Contribution(extended=first)) == {**given_settings, **first}


class ReachedError(Exception):
    """The start of an application was reached."""


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Settings with which applications would start, in a process without a context or a JVM."""
    found: list[dict[str, str]] = []

    def prepare(master: str, given_settings: Mapping[str, str]) -> dict[str, str]:
        assert master == "ray"
        found.append({**given_settings, "spark.master": master})
        raise ReachedError

    context_hook.install()
    monkeypatch.setattr(start, "prepare", prepare)
    for owner, name in itertools.product([SparkContext], ["_active_spark_context", "_jvm", "_gateway"]):
        monkeypatch.setattr(owner, name, None)
    monkeypatch.setattr(SparkSession, "_instantiatedSession", None)
    monkeypatch.setattr(submitted, "settings", {})
    return found


def built(**options: str) -> Any:
    builder = SparkSession.builder.master("ray").config(map=options)
    try:
        with pytest.raises(ReachedError):
            builder.getOrCreate()
    finally:
        forget_builder_options({"spark.master", *options})


def test_all_ways_of_starting_give_the_same_settings(machine: Java, reached: list[dict[str, str]]) -> None:
    configs = {key: OWN[key] for key in ("spark.ui.filters", "spark.decommission.enabled")}
    with pytest.raises(ReachedError):
        raydp.init_spark("t", 2, 1, "1g", configs=configs)
    built(**OWN)
    options = ["--name", "t", "--num-executors", "2", "--executor-cores", "1", "--executor-memory", "1024m"]
    conf = [word for key, value in configs.items() for word in ("--conf", f"{key}={value}")]
    submitted.settings.update(parse([*options, *conf, "application.py"]).settings)
    built()
    reached.append(parse([*options, *conf, "application.jar"]).settings)

    expected = {**OWN, "spark.master": "ray"}
    assert reached == [expected] * 4
    complete = [completed(machine, {**one, "spark.raydp.app.id": "t"}) for one in reached]
    assert complete == complete[:1] * 4


def test_the_program_wins_over_its_submission_and_arguments_win_over_configs(reached: list[dict[str, str]]) -> None:
    conf = ["--conf", "spark.executor.cores=8", "--conf", "spark.x=submitted", "--conf", "spark.y=submitted"]
    submitted.settings.update(parse([*conf, "--executor-cores", "4", "application.py"]).settings)
    built()
    built(**{"spark.executor.cores": "3", "spark.x": "program"})
    with pytest.raises(ReachedError):
        raydp.init_spark("t", 1, 2, "1g", configs={"spark.executor.cores": "9", "spark.x": "program"})
    with pytest.raises(ReachedError):
        raydp.init_spark(
            "t",
            1,
            2,
            "1g",
            fault_tolerant_mode=False,
            placement_group_strategy="PACK",
            configs={"spark.raydp.exchange.faultTolerant": True, "spark.raydp.placementGroup.strategy": "SPREAD"},
        )
    assert [one["spark.executor.cores"] for one in reached] == ["4", "3", "2", "2"]
    assert [one["spark.x"] for one in reached] == ["submitted", "program", "program", "submitted"]
    assert {one["spark.y"] for one in reached} == {"submitted"}
    assert reached[3]["spark.raydp.exchange.faultTolerant"] == "false"
    assert reached[3]["spark.raydp.placementGroup.strategy"] == "PACK"


def test_a_failed_start_leaves_no_settings_for_the_next(reached: list[dict[str, str]]) -> None:
    with pytest.raises(ReachedError):
        raydp.init_spark("t", 1, 1, "1g", configs={"spark.x": "first"})
    with pytest.raises(ReachedError):
        raydp.init_spark("t", 1, 1, "1g")
    assert "spark.x" in reached[0] and "spark.x" not in reached[1]
