"""Real processes killed with real signals: executors, the AppMaster, the driver."""

from __future__ import annotations

import os
import re
import signal
import time
import uuid
from typing import TYPE_CHECKING

import psutil
import pytest

from support import programs
from support.datasets import eventually, shared_names

pytestmark = pytest.mark.cluster

if TYPE_CHECKING:
    import subprocess


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    """One program with a part for each test of an application that lives on."""
    return programs.run("lifecycle/kills", env={"RAYDP_TEST_MARK": uuid.uuid4().hex})


def test_a_killed_executor_is_replaced_and_the_job_finishes(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    said = outcome.part("executor")
    assert "result: [[(0, 800), (1, 800), (2, 800), (3, 800), (4, 800)]]" in said, outcome.everything
    assert "replaced: True new ids: True" in said, outcome.everything
    assert f"cache: {sum(range(100_000))} 100000" in said


def test_one_line_says_that_an_executor_is_lost(outcome: programs.Outcome) -> None:
    lost = re.findall(r"(?:is lost|Lost executor \d+ on \S+): (Executor \d+ .* process \d+\))", outcome.errors)
    assert len(lost) >= 3 and len(lost) == len(set(lost)), outcome.everything


def test_a_killed_app_master_does_not_disturb_the_job(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    said = outcome.part("AppMaster")
    assert "result: [[(0, 800), (1, 800), (2, 800), (3, 800), (4, 800)]]" in said, outcome.everything
    assert "same executors: True" in said
    assert "after that: 1000" in said


def test_a_task_that_always_ends_its_executor_fails_its_job(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    assert "failed: True" in outcome.part("task"), outcome.everything


def _run_and_kill_driver(mark: str) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    process = programs.start(
        "lifecycle/driver_to_kill",
        env={"RAYDP_TEST_MARK": mark},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.strip() == "working", line
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        family = programs.marked_processes(mark)
        # An executor's daemon, and a worker that it forked.
        if sum("raydp._spark.worker_daemon" in programs.words_of(p) for p in family) >= 2:
            return process, family
        psutil.wait_procs(family, timeout=0.2)
    raise AssertionError("no Python worker came up within 60 s")


def test_nothing_is_left_when_the_driver_is_killed() -> None:
    mark = uuid.uuid4().hex
    shared_before = shared_names()
    process, family = _run_and_kill_driver(mark)
    try:
        assert len(family) > 5, family
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert programs.await_none(mark) == []
        # Other tests may run at the same time, but keep nothing there for long.
        assert eventually(lambda: shared_names() <= shared_before, within=60), shared_names() - shared_before
    finally:
        for left in programs.marked_processes(mark):
            left.kill()
