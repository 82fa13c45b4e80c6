"""Placement groups: one made for the application, or one that the program gives, as programs for RayDP 1.6 do."""

from __future__ import annotations

import pytest

from support import programs

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def test_a_group_for_the_application_goes_with_it() -> None:
    outcome = programs.run("lifecycle/a_group_for_the_application_goes_with_it")
    assert outcome.code == 0, outcome.everything
    assert outcome.output.splitlines() == ["during: 10 ['CREATED']", "after: ['REMOVED']"], outcome.everything


def test_a_given_group_is_used_and_kept() -> None:
    outcome = programs.run("lifecycle/a_given_group_is_used_and_kept")
    assert outcome.code == 0, outcome.everything
    assert "refused: An executor does not fit bundle 0" in outcome.output, outcome.everything
    assert "CPU: needed 3, there 1" in outcome.output
    assert "count: 10\nkept: CREATED\n" in outcome.output, outcome.everything
    assert "bundle 524288000 bytes" in outcome.errors, outcome.everything


def test_given_bundles_are_honoured_and_taken_again_after_a_kill() -> None:
    outcome = programs.run("lifecycle/given_bundles_are_honoured_and_taken_again_after_a_kill")
    assert outcome.code == 0, outcome.everything
    lines = outcome.output.splitlines()
    assert lines[:3] == ["two: 2 [1, 3]", "again: [1, 3]", "again: [1, 3]"], outcome.everything
    assert lines[3].endswith("Executors asked for: 3; bundles: 2"), outcome.everything
