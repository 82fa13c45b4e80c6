"""raydp works without the frameworks. An estimator without its framework says what to install."""

from __future__ import annotations

import json

import pytest

from support import programs
from support.frameworks import framework_names, required_modules


@pytest.mark.promised("FrameworkEstimator", "MissingRequirementError")
def test_missing_frameworks_are_named() -> None:
    packages = {name: next(iter(required_modules(name))) for name in framework_names()}
    outcome = programs.run("estimators/missing_frameworks", json.dumps(packages), timeout=200)
    lines = [f"{name} True True" for name in packages]
    assert outcome.output.splitlines() == lines, outcome.errors[-3000:]
