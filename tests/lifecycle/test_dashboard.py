"""What Ray shows of an application, and applications as Ray jobs, on one cluster with the dashboard."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import datasets, programs

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.cluster

_SUBMIT = [sys.executable, "-c", "import sys; from raydp._submission import main; sys.exit(main())"]


JOB = Path(__file__).parents[1] / "programs" / "lifecycle" / "job_of_ray.py"


@dataclass(frozen=True)
class Dashboard:
    """A cluster, and the environment of programs that use it."""

    url: str
    env: dict[str, str | None]


@pytest.fixture(scope="module")
def dashboard() -> Iterator[Dashboard]:
    """A Ray cluster with its dashboard, in a process of its own, which programs join by its address."""
    packages = os.environ.get("RAYDP_TEST_DASHBOARD", "")
    if not Path(packages).is_absolute():
        pytest.skip(
            "Ray's dashboard needs packages that are not in .venv: run bash ci/test-python.sh, or put those of "
            "ci/dashboard.lock into a folder and name it in RAYDP_TEST_DASHBOARD"
        )
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), packages]))
    with tempfile.TemporaryDirectory(prefix="raydp-") as folder:
        yield from _cluster(Path(folder), path)


def _cluster(folder: Path, path: str) -> Iterator[Dashboard]:
    process = programs.start(
        "lifecycle/cluster_with_dashboard",
        stdin=subprocess.PIPE,
        env={"PYTHONPATH": path, "TEST_FOLDER": str(folder)},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        pytest.fail(process.communicate(timeout=60)[1])
    address, url, metrics = json.loads(line)
    # Jobs find their cluster by what `ray start` writes, and not another one that runs on this machine.
    (folder / "ray_current_cluster").write_text(address)
    # Ray requires the token from programs that join by address.
    env = {"PYTHONPATH": path, "RAY_ADDRESS": address, "RAY_AUTH_MODE": "token", "TEST_METRICS": metrics}
    yield Dashboard(url, env)
    process.communicate(timeout=60)


def test_metrics_and_actors(dashboard: Dashboard) -> None:
    outcome = programs.run(
        "lifecycle/metrics_and_actors",
        env=dashboard.env,
    )
    assert outcome.code == 0, outcome.everything
    assert outcome.output.splitlines()[-1] == "done", outcome.everything
    assert "Traceback" not in outcome.errors and "etric" not in outcome.errors, outcome.everything


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([sys.executable], id="python", marks=pytest.mark.nightly),
        pytest.param(_SUBMIT, id="raydp-submit"),
    ],
)
def test_an_application_as_a_job_of_ray(dashboard: Dashboard, command: list[str]) -> None:
    mark = uuid.uuid4().hex
    env = {**dashboard.env, "RAY_ADDRESS": None}
    job = [sys.executable, "-m", "ray.scripts.scripts", "job", "submit", "--address", dashboard.url]
    job += ["--runtime-env-json", json.dumps({"env_vars": {"RAYDP_TEST_MARK": mark}}), "--"]
    done = subprocess.run(
        [*job, *command, str(JOB), "argument"],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        stdin=subprocess.DEVNULL,
        env=programs.environment(env),
    )
    outcome = programs.Outcome(done.returncode, done.stdout, done.stderr)
    assert outcome.code == 0, outcome.everything
    assert "sum: 999000 argument" in outcome.output.splitlines(), outcome.everything
    assert "succeeded" in outcome.output, outcome.everything
    assert datasets.eventually(lambda: not _left(mark), within=60), _left(mark)


def _left(mark: str) -> list[str]:
    """The command lines of a job's processes but idle ones of Ray and the actors that Ray Data keeps."""
    lines = [programs.describe(process) for process in programs.marked_processes(mark)]
    return [line for line in lines if not re.search(r" ray::(IDLE|_\w+Actor)", line)]
