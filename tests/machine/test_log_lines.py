"""raydp's warnings begin with ``raydp:``, unless the program has set up logging."""

from __future__ import annotations

from support import programs


def test_warnings_have_the_prefix_of_raydp() -> None:
    outcome = programs.run("machine/warnings_of_raydp")
    assert outcome.errors.splitlines() == ["raydp: a node died: n1", "of the program", "WARNING:raydp.part:of raydp"]
