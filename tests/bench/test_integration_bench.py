"""The comparison of ways to put Spark and Ray together, on few rows: that each way works and computes the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "bench"
WAYS = ["files", "inside_spark", "ray_on_spark", "standalone", "native", "ray_data"]
# Of the trips that --smoke generates: those that are valid, and the error of five trees.
ROWS, ERROR = 19_980, 2.9


@pytest.mark.cluster
@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_way(way: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    kills = "1" if way in ("native", "files") else "0"
    command = [sys.executable, str(BENCH / "integration.py"), "--smoke", "--ways", way, "--kills", kills]
    done = subprocess.run([*command, "--json", str(path)], capture_output=True, text=True, timeout=560, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    [found] = json.loads(path.read_text())
    assert found["way"] == way
    assert 0 < found["warm"][0] < found["cold"][0]
    assert found["peak_bytes"][0] > 100e6
    assert (found["disk_bytes"][0] > 0) == (way == "files")
    assert set(found["rows"]) == {ROWS}
    assert found["mse"] == pytest.approx([ERROR] * len(found["mse"]), rel=0.05)
    assert [type(seconds) for seconds in found["killed"]] == [float] * int(kills)
    assert re.search(rf"^{way} .* {found['glue_lines']} ", done.stdout, re.MULTILINE)
    assert [process for process in psutil.process_iter() if is_marked(process)] == []


PROGRAM = """
import json, os, subprocess, sys
from pathlib import Path
java = Path(sys.argv[-1]) / "java"
java.symlink_to("/bin/sh")
raylet = ["/bin/sh", "-c", "read line", "--java_worker_command=java io.ray.runtime.runner.worker.DefaultWorker"]
app_master = [java, "-c", "read line", "io.ray.runtime.runner.worker.DefaultWorker", "-Draydp.role=master"]
reading, writing = os.pipe()
options = {"start_new_session": True, "stdin": reading, "pass_fds": [writing]}
others = [subprocess.Popen(command, **options) for command in (raylet, app_master)]
executor = subprocess.Popen([java, "-c", "read line", "org.apache.CoarseGrainedExecutorBackend"], **options)
print(json.dumps({"folder": sys.argv[-1]}), flush=True)
print(json.dumps({"executor": executor.wait()}), flush=True)
raise ValueError(*sys.argv[1:2])
"""


def test_watched_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the executor is killed, the error is found, and nothing is left at the end."""
    monkeypatch.syspath_prepend(BENCH)
    from watched_program import PeakMemory, WatchedProgram

    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    with WatchedProgram(path, "too bad") as program:
        memory = PeakMemory(program)
        messages = program.messages()
        folder = Path(next(messages)["folder"])
        assert len(program.processes()) == 4
        assert program.kill_executor()
        assert next(messages) == {"executor": -9}
        error = program.error()
        assert error is not None
        assert error.startswith("Traceback")
        assert error.endswith("ValueError: too bad")
        assert not program.kill_executor()
        left = program.processes()
        assert len(left) == 2
        assert memory.stop() > 1e6
    assert not any(process.is_running() for process in left)
    assert not folder.exists()


def is_marked(process: psutil.Process) -> bool:
    try:
        return str(BENCH / "one_way.py") in process.cmdline() or "RAYDP_BENCH_RUN" in process.environ()
    except psutil.Error:
        return False


def test_document_has_the_lines_of_glue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)
    from integration import WAYS as COMPARED
    from integration import glue_lines

    text = (ROOT / "docs" / "comparison.md").read_text()
    written = dict(re.findall(r"^\|[^|]*\| `(\w+)` \| (\d+) \|", text, re.MULTILINE))
    assert written == {way: str(glue_lines(way)) for way in COMPARED}
    assert list(COMPARED) == WAYS


def test_way_that_computes_something_else_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)
    from integration import Measured, different_results

    def results(**values: tuple[int, float]) -> dict[str, Any]:
        return {way: Measured(rows=[rows], mse=[mse]) for way, (rows, mse) in values.items()}

    assert different_results(results(a=(100, 2.0), b=(100, 2.05), c=(100, 1.97))) == []
    assert different_results(results(a=(100, 2.0), b=(100, 2.3), c=(100, 2.0))) == [
        "b has an error of 2.3000; the median is 2.0000"
    ]
    assert len(different_results(results(a=(100, 2.0), b=(99, 2.0), c=(100, 2.0)))) == 3
    assert len(different_results(results(a=(100, 2.0), b=(100, float("nan")), c=(100, 2.0)))) == 1


@pytest.mark.parametrize(
    ("errors", "seconds", "expected"),
    [
        ([], [], "not tried"),
        ([], [12.0, 14.0], "+3.0 s"),
        (["Traceback\nRayError: gone"], [12.0], "1 of 2 failed: RayError: gone"),
    ],
)
def test_description_of_kills(
    errors: list[str], seconds: list[float], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(BENCH)
    from integration import Measured, describe_kill

    assert describe_kill(Measured(warm=[10.0], killed=[*errors, *seconds])) == expected
