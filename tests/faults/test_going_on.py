"""After a failure, the same process can start again: the JVM or Ray ends first, or somebody presses Ctrl-C."""

from __future__ import annotations

import os
import signal
import uuid
from typing import TYPE_CHECKING

import pytest

from support import programs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

# Ray ends a process that long after its head is lost. A loaded machine may need more than the minute of its default.
PATIENT_RAY = {"RAY_gcs_rpc_server_reconnect_timeout_s": "300"}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> programs.Outcome:
    """One program with a part for each failure."""
    folder: Path = tmp_path_factory.mktemp("program")
    mark = uuid.uuid4().hex
    # The folder in which the program runs.
    within = ["env", "-C", os.fspath(folder)]
    result = programs.run("faults/going_on", env={"RAYDP_TEST_MARK": mark, **PATIENT_RAY}, within=within, timeout=840)
    assert programs.await_none(mark) == []
    return result


def test_the_program_ends_in_order_when_ray_is_shut_down_in_its_last_line(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    assert "rows: 100" in outcome.part("last line"), outcome.everything
    assert "Exception in thread" not in outcome.errors, outcome.everything
    assert "Exception ignored" not in outcome.errors, outcome.everything
    assert "Exception occurred" not in outcome.errors, outcome.everything
    assert "Started a local Ray instance" not in outcome.errors, outcome.everything
    assert "could not be closed" not in outcome.errors, outcome.everything


@pytest.mark.promised("from_spark", "SessionError")
def test_after_a_crash_of_the_jvm(outcome: programs.Outcome) -> None:
    said = outcome.part("crash")
    assert "rows: 10 100" in said, outcome.everything
    assert "convert: SessionError: The Spark session on Ray cannot be used any more: the driver's JVM" in said
    assert "stopped: None in time: True" in said, outcome.everything
    assert "still there: 10" in said, outcome.everything


def test_crash_files_are_in_the_folder_of_rays_logs(outcome: programs.Outcome) -> None:
    assert "files: 2 []" in outcome.part("crash"), outcome.everything


def test_a_jvm_that_crashes_leaves_no_core_dump_with_secrets(outcome: programs.Outcome) -> None:
    assert "core dumps: []" in outcome.part("crash"), outcome.everything


def test_a_killed_jvm_needs_no_stop(outcome: programs.Outcome) -> None:
    assert outcome.part("kill without stop").count("rows: 100") == 2, outcome.everything
    assert "raydp: the last Spark session on Ray was not stopped" in outcome.errors, outcome.everything


def test_a_jvm_that_is_killed_while_it_sends_rows_gives_an_error_and_not_the_first_rows(
    outcome: programs.Outcome,
) -> None:
    ended = "SessionError: The Spark application that this belongs to has ended"
    said = outcome.part("kill without stop")
    assert "rows: 100 51" in said and f"collect: {ended}" in said, outcome.everything
    assert f"parallelize: {ended}" in said and f"broadcast: {ended}" in said, outcome.everything
    assert "first: 2000" in said and f"iterate: {ended}" in outcome.part("built again"), outcome.everything


def test_pyspark_replaces_a_session_whose_jvm_was_killed(outcome: programs.Outcome) -> None:
    said = outcome.part("built again")
    assert "another one: True rows: 100" in said, outcome.everything


def test_a_session_whose_jvm_was_killed_can_be_stopped(outcome: programs.Outcome) -> None:
    said = outcome.part("stop of the session")
    assert "session: None" in said and "rows: 100" in said, outcome.everything


def test_a_frozen_jvm_is_killed_in_time(outcome: programs.Outcome) -> None:
    assert "stopped: None in time: True" in outcome.part("frozen"), outcome.everything


def test_ctrl_c_during_a_start(outcome: programs.Outcome) -> None:
    said = outcome.part("interrupted start")
    assert "start: KeyboardInterrupt" in said and "state: idle None" in said, outcome.everything


def test_ctrl_c_during_a_stop_waits_for_its_end(outcome: programs.Outcome) -> None:
    said = outcome.part("interrupted stop")
    assert "stopped: KeyboardInterrupt" in said and "state: idle None" in said, outcome.everything


def test_ray_is_replaced_without_notice(outcome: programs.Outcome) -> None:
    said = outcome.part("another Ray")
    assert "convert: SessionError: The Spark session on Ray cannot be used any more: this process has left" in said
    assert "rows: 100" in said, outcome.everything


def test_ray_is_shut_down_before_spark(outcome: programs.Outcome) -> None:
    said = outcome.part("Ray first")
    assert "in time: True Spark: None" in said, outcome.everything
    assert "convert: SessionError" in said, outcome.everything
    assert "stopped: None in time: True" in said, outcome.everything
    assert "Ray: False" in said, outcome.everything


def test_after_the_end_of_the_raylet(outcome: programs.Outcome) -> None:
    said = outcome.part("raylet")
    assert "convert: SessionError: The Spark session on Ray cannot be used any more: the raylet of this" in said
    assert "Ray node has ended, nothing listens at" in said and "Call ray.shutdown()" in said, outcome.everything
    assert "start: ClusterError: This process is connected to a Ray cluster that is gone: the raylet of" in said
    assert "shut down: None in time: True" in said, outcome.everything


@pytest.mark.promised("init_spark", "ClusterError")
def test_after_the_end_of_rays_head(outcome: programs.Outcome) -> None:
    said = outcome.part("head")
    assert "convert: SessionError: The Spark session on Ray cannot be used any more: the head of the Ray" in said
    assert "stopped: None in time: True" in said, outcome.everything
    assert "start: ClusterError: This process is connected to a Ray cluster that is gone: the head" in said
    assert "shut down: None in time: True" in said, outcome.everything


def test_an_error_that_ends_the_program_after_the_end_of_rays_head_is_shown() -> None:
    result = programs.run("faults/uncaught", env=PATIENT_RAY, timeout=200)
    assert result.code == 1 and "ValueError: not caught" in result.errors, result.everything


def test_a_program_that_is_told_to_end_ends_in_order() -> None:
    mark = uuid.uuid4().hex
    result = programs.run("faults/terminated", env={"RAYDP_TEST_MARK": mark}, timeout=200)
    assert result.code == signal.SIGTERM, result.everything
    assert "rows: 10\nSpark: None\nsaved" in result.output, result.everything
    assert "Traceback" not in result.errors and "ERROR" not in result.errors, result.everything
    assert programs.await_none(mark) == []


def test_a_stop_in_another_thread_ends_a_conversion(outcome: programs.Outcome) -> None:
    said = outcome.part("stop during a conversion")
    assert "stopped: None in time: True" in said, outcome.everything
    assert "conversion: SessionError: Spark was stopped while" in said, outcome.everything
    assert "collected: 3 {'SessionError'}" in said, outcome.everything
