"""The example, with the server that PySpark starts in the program's own process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

pytest.importorskip("grpc_status", reason="raydp[connect] is not installed")


@pytest.mark.cluster
@pytest.mark.slow
def test_program() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "connect.py"), "--smoke"],
        env={**os.environ, "RAY_ADDRESS": "local"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    assert done.stdout.splitlines()[-1] == "example ok", done.stdout
    error = re.search(r"^Root mean squared error of the fares: (\d+\.\d+)$", done.stdout, re.MULTILINE)
    assert error is not None and float(error[1]) < 1, done.stdout
