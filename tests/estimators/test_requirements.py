"""raydp does without the frameworks; an estimator without its framework says what to install."""

from __future__ import annotations

import subprocess
import sys

PACKAGES = {"xgboost": "xgboost", "lightgbm": "lightgbm", "torch": "torch", "tf": "tensorflow", "sklearn": "sklearn"}
PROGRAM = f"""
import importlib, sys
for blocked in {[*PACKAGES.values()]}:
    sys.modules[blocked] = None
import raydp
for name, package in {PACKAGES}.items():
    module = importlib.import_module("raydp." + name)
    try:
        getattr(module, module.__all__[0])
    except raydp.errors.MissingRequirementError as error:
        print(name, "pip install 'raydp[" + name + "]'" in str(error), "Importing " + package + ":" in str(error))
"""


def test_missing_frameworks_are_named() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=200, check=False)
    lines = [f"{name} True True" for name in PACKAGES]
    assert done.stdout.splitlines() == lines, done.stderr[-3000:]
