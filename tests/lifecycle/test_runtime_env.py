"""The program's ``runtime_env`` reaches the executors and their Python workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import programs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.cluster


def test_variables_and_modules_of_the_program(tmp_path: Path) -> None:
    module = tmp_path / "only_here"
    module.mkdir()
    (module / "__init__.py").write_text("ANSWER = 42\n")
    outcome = programs.run("lifecycle/variables_and_modules_of_the_program", str(module))
    assert outcome.code == 0, outcome.everything
    assert "worker: ('vanilla', 'executor', 42)" in outcome.output, outcome.everything
    assert "own: ('chocolate', None)" in outcome.output, outcome.everything
    assert "refused: spark.raydp.runtimeEnv must be a JSON object" in outcome.output, outcome.everything
