"""The notebooks run from the first cell to the last, each in a kernel and on a Ray of its own."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.name for path in NOTEBOOKS])
def test_committed_without_outputs(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)


@pytest.mark.cluster
@pytest.mark.nightly
@pytest.mark.slow
def test_titanic(monkeypatch: pytest.MonkeyPatch) -> None:
    path = next(path for path in NOTEBOOKS if path.name == "titanic.ipynb")
    monkeypatch.setenv("RAYDP_NOTEBOOK_EPOCHS", "4")
    executed = NotebookClient(nbformat.read(path, as_version=4), timeout=500).execute()
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    results = [output.data for output in outputs if output.output_type == "execute_result"]
    accuracy = next(
        ast.literal_eval(data["text/plain"])["accuracy"] for data in results if "logloss" in data["text/plain"]
    )
    assert accuracy > 0.65
    assert any("image/png" in output.get("data", {}) for output in outputs)
