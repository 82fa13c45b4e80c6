"""An application at work while its processes are killed and frozen: nothing wrong, nothing lost, nothing left."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from support import programs
from support.chaos.cluster import VARIABLES
from support.chaos.record import table
from support.datasets import eventually, shared_names

_TESTS = Path(__file__).resolve().parents[1]
_SECONDS_PER_KILL = 40
_SECONDS_WITHOUT_KILLS = 300


@pytest.mark.cluster
@pytest.mark.timeout(0)  # bounded by what it starts, in proportion to the kills
def test_jobs_go_on_and_nothing_is_left(request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> None:
    kills = request.config.getoption("--kills")
    mark = uuid.uuid4().hex
    shared_before = shared_names()
    log = tmp_path / "chaos.log"  # to be read while the run goes on for an hour
    with log.open("w") as written:
        process = subprocess.Popen(
            [sys.executable, "-u", "-X", "faulthandler", "-m", "support.chaos.run", str(seed), str(kills)],
            cwd=_TESTS,
            env=programs.environment({"RAYDP_TEST_MARK": mark, **VARIABLES}),
            stdout=written,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        process.wait(_SECONDS_WITHOUT_KILLS + _SECONDS_PER_KILL * kills)
        output = log.read_text(errors="replace")
        assert process.returncode == 0, output[-20_000:]
        report = json.loads(output.strip().splitlines()[-1])
        assert (report["wrong"], report["lost"], report["leaked"]) == ([], [], []), output[-20_000:]
        assert report["right"] > 0
        assert report["recovery"]["all"]["faults"] == kills
        assert programs.await_none(mark) == []
        # Other tests may run at the same time, but keep nothing there for long.
        assert eventually(lambda: shared_names() <= shared_before, within=60), shared_names() - shared_before
    finally:
        programs.kill_session(process.pid)
        for left in programs.marked_processes(mark):
            left.kill()
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\nseed {seed}: {report['right']} jobs right in {report['seconds']} s, refused: {report['refused']}")
        print(table(report))
