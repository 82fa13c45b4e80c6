"""Ctrl-C ends a program that waits for Spark in seconds, and shows one line."""

from __future__ import annotations

import re
import signal
import time
import uuid

import pytest

from support import programs

pytestmark = pytest.mark.cluster

ENDS_IN_SECONDS = 60  # 3 on a machine that does nothing else


def test_ctrl_c_ends_a_program_in_seconds_with_one_line() -> None:
    mark = uuid.uuid4().hex
    process = programs.start("first_hour/interrupted", env={"RAYDP_TEST_MARK": mark})
    assert process.stdout is not None
    assert process.stdout.readline() == "a task runs\n"
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    output, errors = process.communicate(timeout=120)
    assert process.returncode in (1, -signal.SIGINT), errors  # Ray may end the process first
    assert time.monotonic() - begin < ENDS_IN_SECONDS, errors
    assert len(re.findall(r"^raydp: interrupted at \S*interrupted\.py, line \d+$", errors, re.MULTILINE)) == 1, errors
    assert "Traceback" not in errors and not output, errors
    assert programs.await_none(mark) == []
