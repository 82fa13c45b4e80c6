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


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    """One program with a part for each test of sessions that follow each other. Nothing of it may be left."""
    mark = uuid.uuid4().hex
    result = programs.run("lifecycle/sessions", env={"RAYDP_TEST_MARK": mark})
    assert programs.await_none(mark) == []
    return result


def test_nothing_is_left_after_stop(outcome: programs.Outcome) -> None:
    said = outcome.part("nothing is left")
    assert "left: []" in said, outcome.everything
    assert f"data: 100000 {sum(range(100_000))}" in said, outcome.everything


def test_the_same_arguments_give_the_same_session(outcome: programs.Outcome) -> None:
    lines = (outcome.part("the same arguments") + outcome.part("after a stop")).splitlines()
    refused = [line for line in lines if line.startswith("refused:")]
    assert len(refused) == 3, outcome.everything
    assert "app_name: 't' before, 'other' now" in refused[0]
    assert "spark.executor.instances: '1' before, '2' now" in refused[1]
    assert "spark.executor.memory: '600m' before, '700m' now" in refused[2]
    assert len([line for line in lines if line.startswith("stopped:")]) == 4, outcome.everything
    assert "kept: [0, 1, 2, 3, 4]" in lines
    assert "again: 7 again 200" in lines


def test_unchanged_pyspark_program(outcome: programs.Outcome) -> None:
    lines = outcome.part("unchanged programs").splitlines()
    assert lines == ["ray 1000 plain", "4950", "9900", "[{'_1': 7, '_2': 'a'}]"], outcome.everything


def test_inside_an_actor(outcome: programs.Outcome) -> None:
    assert outcome.part("inside an actor").strip() == "(100, 50)", outcome.everything


def test_forked_children_and_other_sessions(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    child, parent, other, refused = outcome.part("forked children and other sessions").strip().splitlines()
    assert (child, parent, other) == ("child: 3", "parent: 10 10", "other: 3"), outcome.everything
    assert refused.startswith("refused: A Spark session that was not started by raydp.init_spark"), outcome.everything
    assert "Traceback" not in outcome.errors, outcome.everything


def test_ray_is_started_and_the_ui_is_named() -> None:
    outcome = programs.run(
        "lifecycle/ray_is_started_and_the_ui_is_named",
        env={"RAY_ADDRESS": "local"},
    )
    assert outcome.code == 0, outcome.everything
    started, count, url = outcome.output.split()
    assert (started, count) == ("True", "3")
    assert f"Spark UI: {url}" in outcome.errors, outcome.everything


@pytest.mark.parametrize("authentication", ["token", pytest.param("disabled", marks=pytest.mark.nightly)])
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
