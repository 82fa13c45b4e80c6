"""Examples start Ray as they would alone on a machine."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _own_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an address Ray connects to a cluster that it finds, which here is another test's and about to end."""
    monkeypatch.setenv("RAY_ADDRESS", "local")
