"""The doctor checks the other machines of a cluster, and so does every start of an application."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from support.programs import run
from support.tool_path import path_without

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.cluster
@pytest.mark.slow
def test_a_machine_without_java_is_named(tmp_path: Path) -> None:
    outcome = run(
        "doctor/a_machine_without_java_is_named",
        env={"JAVA_HOME": None, "TEST_PATH": path_without(["java"], tmp_path / "bin") + os.pathsep},
    )
    assert outcome.code == 0, outcome.everything
    assert "rows: 10" in outcome.output
    warning = "No executor can start on one of the cluster's machines: BROKEN   127.0.0.2 Java"
    assert warning in outcome.errors, outcome.everything
    assert "there is no java" in outcome.errors.lower()
    lines = outcome.output.splitlines()
    found = [line for line in lines if "127.0.0.2" in line]
    assert [line.split()[0] for line in found if "127.0.0.2 Java" in line] == ["BROKEN"], outcome.everything
    assert any(line.startswith("ok") and "127.0.0.2 class path" in line for line in found), outcome.everything
    assert any(line.endswith("doctor: 1") for line in lines), outcome.everything
    assert any(line.startswith("BROKEN") and "No Ray cluster answers" in line for line in lines), outcome.everything
    assert any(line.endswith("after it: 1") for line in lines), outcome.everything
