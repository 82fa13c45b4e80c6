"""The external shuffle service: shuffle files outlive their executors, but not the application."""

from __future__ import annotations

import signal
import uuid
from typing import TYPE_CHECKING

import pytest

from support import programs
from support.datasets import eventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.cluster


def test_shuffle_files_outlive_executors(tmp_path: Path) -> None:
    outcome = programs.run(
        "lifecycle/shuffle_files_outlive_executors",
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


@pytest.mark.parametrize("service", ["true", pytest.param("false", marks=pytest.mark.nightly)])
def test_a_killed_driver_leaves_no_files(tmp_path: Path, service: str) -> None:
    mark = uuid.uuid4().hex
    folder = tmp_path / "local"
    folder.mkdir()
    program = programs.start(
        "lifecycle/driver_with_shuffle_files",
        service,
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
    assert programs.await_none(mark) == []
    assert eventually(lambda: list(folder.iterdir()) == []), list(folder.iterdir())
