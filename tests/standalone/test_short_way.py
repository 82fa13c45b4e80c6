"""``init_spark(deployment="standalone")``: a session with a standalone cluster of its own."""

from __future__ import annotations

import uuid

import pytest

from support import programs
from support.standalone_in_ray import QUICK_DAEMONS, folders_left

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> programs.Outcome:
    """One program with a part for each test. Nothing of it may be left."""
    mark, folder = uuid.uuid4().hex, tmp_path_factory.mktemp("files")
    result = programs.run(
        "standalone/short_way", env={**QUICK_DAEMONS, "RAYDP_TEST_MARK": mark, "TMPDIR": str(folder)}, timeout=540
    )
    assert result.code == 0, result.everything
    assert programs.await_none(mark) == []
    assert folders_left(folder) == []
    return result


def test_it_works_as_the_native_deployment_does(outcome: programs.Outcome) -> None:
    said = dict(line.split(": ", 1) for line in outcome.part("standalone").splitlines())
    assert said.pop("another").startswith("SessionError: raydp.init_spark was called before with other arguments"), (
        outcome.everything
    )
    assert said.pop("stopped").startswith("SessionError: "), outcome.everything
    assert said == {
        "master": "spark short",
        "rows": "100 4950",
        "settings": "2 600m",
        "same": "True",
        "UI": "True 64",
        "secrets in command lines": "0",
        "scaled": "1 100",
        "left": "True 100",
    }, outcome.everything


def test_the_cluster_ends_with_its_session_and_with_ray(outcome: programs.Outcome) -> None:
    assert outcome.part("ends with the session, and with Ray").splitlines() == [
        "rows: 10",
        "left: True",
        "rows: 10",
        "left: True",
    ], outcome.everything


def test_a_native_session_can_follow(outcome: programs.Outcome) -> None:
    assert outcome.part("then native").splitlines() == ["master: ray 10"], outcome.everything
