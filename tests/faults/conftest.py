"""What tests of random faults share."""

from __future__ import annotations

import pytest


@pytest.fixture
def seed(request: pytest.FixtureRequest, worker_id: str) -> int:
    """The seed of ``--seed``, and the next ones in other processes that run tests at the same time."""
    given: int = request.config.getoption("--seed")
    return given + int(worker_id.removeprefix("gw").replace("master", "0"))
