"""``init_spark``, ``stop_spark`` and unchanged PySpark programs, each in its own process."""

from __future__ import annotations

import tempfile
import uuid
from typing import TYPE_CHECKING

import pytest

from support import programs

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.cluster


def test_the_same_arguments_give_the_same_session() -> None:
    outcome = programs.run("lifecycle/the_same_arguments_give_the_same_session")
    lines = outcome.output.strip().splitlines()
    assert outcome.code == 0, outcome.everything
    refused = [line for line in lines if line.startswith("refused:")]
    assert "app_name: 't' before, 'other' now" in refused[0]
    assert "spark.executor.instances: '1' before, '2' now" in refused[1]
    assert "spark.executor.memory: '600m' before, '700m' now" in refused[2]
    assert len([line for line in lines if line.startswith("stopped:")]) == 4, outcome.everything
    assert "kept: [0, 1, 2, 3, 4]" in lines
    assert "again: 7 again 200" in lines


def test_forked_children_and_other_sessions() -> None:
    outcome = programs.run("lifecycle/forked_children_and_other_sessions")
    assert outcome.code == 0, outcome.everything
    child, parent, other, refused = outcome.output.strip().splitlines()
    assert (child, parent, other) == ("child: 3", "parent: 10 10", "other: 3"), outcome.everything
    assert refused.startswith("refused: A Spark session that was not started by raydp.init_spark"), outcome.everything
    assert "Traceback" not in outcome.errors, outcome.everything


def test_unchanged_pyspark_program() -> None:
    outcome = programs.run("lifecycle/unchanged_pyspark_program")
    assert outcome.code == 0, outcome.everything
    assert outcome.output.strip().splitlines() == ["ray 1000 plain", "4950", "9900"], outcome.everything


def test_ray_is_started_and_the_ui_is_named() -> None:
    outcome = programs.run(
        "lifecycle/ray_is_started_and_the_ui_is_named",
        env={"RAY_ADDRESS": "local"},
    )
    assert outcome.code == 0, outcome.everything
    started, count, url = outcome.output.split()
    assert (started, count) == ("True", "3")
    assert f"Spark UI: {url}" in outcome.errors, outcome.everything


def test_inside_an_actor() -> None:
    outcome = programs.run("lifecycle/inside_an_actor")
    assert outcome.code == 0, outcome.everything
    assert outcome.output.strip() == "(100, 50)"


@pytest.mark.parametrize("authentication", ["token", "disabled"])
def test_applications_at_once(authentication: str, pytestconfig: pytest.Config) -> None:
    count = pytestconfig.getoption("--applications") if authentication == "token" else 2
    host = programs.start(
        "lifecycle/cluster_for_several_applications",
        # Each executor takes one. Ray Data's tasks need some, too.
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
                members.append(programs.start("lifecycle/one_of_several_applications", env=env))
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
        "lifecycle/nothing_is_left_after_stop",
        env={"RAYDP_TEST_MARK": mark},
    )
    assert outcome.code == 0, outcome.everything
    assert "left: []" in outcome.output, outcome.everything
    assert f"data: 100000 {sum(range(100_000))}" in outcome.output
    assert programs.await_none(mark) == []
