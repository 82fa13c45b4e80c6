"""raydp works without the frameworks. An estimator without its framework says what to install."""

from __future__ import annotations

import json

from support import programs

PACKAGES = {"xgboost": "xgboost", "lightgbm": "lightgbm", "torch": "torch", "tf": "tensorflow", "sklearn": "sklearn"}


def test_missing_frameworks_are_named() -> None:
    outcome = programs.run("estimators/missing_frameworks", json.dumps(PACKAGES), timeout=200)
    lines = [f"{name} True True" for name in PACKAGES]
    assert outcome.output.splitlines() == lines, outcome.errors[-3000:]
