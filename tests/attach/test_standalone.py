"""``raydp.attach`` to applications on a Spark standalone cluster: a master and three workers as real daemons."""

from __future__ import annotations

import tempfile
import uuid

import pytest

from support import programs
from support.standalone import standalone_cluster

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    """One program with a part for each test. Nothing of it may be left."""
    mark = uuid.uuid4().hex
    with (
        standalone_cluster(workers=3, cores=1, memory="600m") as url,
        tempfile.TemporaryDirectory(prefix="a-", dir="/tmp") as folder,  # short: the paths of sockets have a limit
    ):
        result = programs.run("attach/standalone", url, env={"RAYDP_TEST_MARK": mark, "TMPDIR": folder})
        assert programs.await_none(mark) == []
        assert programs.files_left(folder) == []
    return result


def test_data_crosses_both_ways(outcome: programs.Outcome) -> None:
    assert outcome.part("conversions").splitlines() == [
        "to Ray: True",
        "to Spark: True",
        "joined: [Row(k=0, n=334), Row(k=1, n=333), Row(k=2, n=333)]",
        "executors: 2",
    ], outcome.everything


def test_another_application_on_both_clusters_runs_at_once(outcome: programs.Outcome) -> None:
    assert outcome.facts("another application at once") == {
        "it said": ["100 14850 ['shared_name'] 2"],
        "this one": ["1000 1000"],
        "folders of sockets": ["[True]"],
    }, outcome.everything


def test_a_killed_executor_loses_no_row(outcome: programs.Outcome) -> None:
    said = outcome.part("a killed executor").splitlines()
    assert said == ["rows: True", "replaced: True", "to Spark: 1000 499500"], outcome.everything


def test_a_killed_agent_is_replaced(outcome: programs.Outcome) -> None:
    said = outcome.part("a killed agent").splitlines()  # Ray adds that it retries a call
    assert {"to Ray: 1000", "to Spark: 499500"} <= set(said), outcome.everything


def test_nothing_is_left(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    assert outcome.part("the end").splitlines() == ["left: 0"], outcome.everything
