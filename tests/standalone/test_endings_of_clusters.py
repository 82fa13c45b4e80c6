"""A standalone cluster ends with its program and with Ray, and leaves nothing."""

from __future__ import annotations

import subprocess
import uuid
from typing import TYPE_CHECKING

import pytest

from support import programs
from support.standalone_in_ray import QUICK_DAEMONS, folders_left

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.cluster


def test_a_shutdown_of_ray_and_a_killed_program_leave_nothing(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    process = programs.start(
        "standalone/to_kill",
        env={**QUICK_DAEMONS, "RAYDP_TEST_MARK": mark, "TMPDIR": str(tmp_path)},
        log=tmp_path / "log",
        stdin=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None and process.stdin is not None
        said = {}
        for line in process.stdout:
            words, _, value = line.strip().partition(": ")
            said[words] = value
            if words == "second":
                break
        everything = f"{said}\n{(tmp_path / 'log').read_text()[-6000:]}"
        assert said["first"] == "10", everything
        assert said["after shutdown"].startswith("False <StandaloneCluster; state: stopped; "), everything
        assert said["daemons"] == "0", everything
        assert said["second"] == "10", everything
        process.kill()
        process.wait()
        assert programs.await_none(mark) == []
        assert folders_left(tmp_path) == []
    finally:
        programs.kill_session(process.pid)
        process.communicate()
