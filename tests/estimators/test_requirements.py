"""raydp does without the frameworks; an estimator without its framework says what to install."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import importlib, sys
for blocked in ("xgboost", "lightgbm", "torch", "tensorflow", "sklearn"):
    sys.modules[blocked] = None
import raydp
for name in ("xgboost", "lightgbm", "torch", "tensorflow", "sklearn"):
    module = importlib.import_module(f"raydp.{name}")
    try:
        getattr(module, module.__all__[0])
    except raydp.errors.MissingRequirementError as error:
        print(name, f"pip install 'raydp[{name}]'" in str(error), f"Importing {name}:" in str(error))
"""


def test_missing_frameworks_are_named() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=200, check=False)
    lines = [f"{name} True True" for name in ("xgboost", "lightgbm", "torch", "tensorflow", "sklearn")]
    assert done.stdout.splitlines() == lines, done.stderr[-3000:]
