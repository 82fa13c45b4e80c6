"""The example of a standalone cluster in Ray, as a program of its own: it starts Ray and two Spark applications."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "standalone.py"


@pytest.mark.cluster
@pytest.mark.slow
def test_standalone() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "--smoke"], capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    assert "<StandaloneCluster; state: running; master: spark://" in done.stdout
    assert "rows that the plain program counted: 142858" in done.stdout
    *_, last = done.stdout.splitlines()
    name, _, error = last.partition(": ")
    assert name == "error of the predicted fares"
    assert 0 < float(error) < 3, done.stdout[-3000:]
