"""A program that leaves Ray while Spark is still being detached from it, in another thread."""

from __future__ import annotations

import pytest

from support import programs

pytestmark = pytest.mark.cluster


def test_agents_remove_their_sockets_before_ray_ends() -> None:
    outcome = programs.run("attach/shutdown_while_detaching")
    assert outcome.output.splitlines() == ["rows: 10", "there is a socket: True", "left: []"], outcome.everything
    assert outcome.code == 0, outcome.everything
    assert "Traceback" not in outcome.errors, outcome.everything
