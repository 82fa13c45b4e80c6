"""The wheel in an empty virtual environment, on a machine that can run Java but build nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.tool_path import BUILD_TOOLS, path_without

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "tests" / "programs" / "packaging" / "four_lines.py"


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_four_lines_run_where_nothing_can_be_built(distributions: Any, tmp_path: Path) -> None:
    python = install(distributions.wheel, tmp_path / "venv")
    environment = {
        "PATH": path_without(BUILD_TOOLS, tmp_path / "bin"),
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "RAY_ADDRESS": "local",  # its own cluster, not one that already runs on this machine
        "XDG_CACHE_HOME": os.devnull,  # no folder for class archives: none are created in the background
    }
    done = subprocess.run(
        [python, PROGRAM],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "1000000 1000000", done.stdout + done.stderr
    # The end cuts no call off, of which Ray would warn.
    assert "retries remaining" not in done.stderr


def install(wheel: Path, folder: Path) -> Path:
    """Make a virtual environment and install the wheel with its dependencies; uv links them from its cache."""
    uv = Path(sys.executable).with_name("uv")
    python = folder / "bin" / "python"
    lock = ROOT / "ci" / "requirements.lock"

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [uv, *command, "--quiet"], capture_output=True, text=True, check=False, env=os.environ, timeout=600
        )

    made = run("venv", "--python", sys.executable, folder)
    assert made.returncode == 0, made.stdout + made.stderr
    packages = ("pip", "install", "--compile-bytecode", "--python", python, "--constraint", lock, wheel)
    # Offline if the cache has everything, as where ci/setup.sh filled .venv; that says why.
    if run(*packages, "--offline").returncode != 0:
        installed = run(*packages)
        assert installed.returncode == 0, installed.stdout + installed.stderr
    return python
