"""Placement groups that raydp creates for the application, or that the program passes, as for RayDP 1.6."""

from __future__ import annotations

import pytest

from support import programs

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    """One program with a part for each test."""
    return programs.run("lifecycle/placement_groups")


def test_a_group_for_the_application_goes_with_it(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    during, refused, after = outcome.part("for the application").splitlines()
    assert (during, after) == ("during: 10 ['CREATED']", "after: ['REMOVED']"), outcome.everything
    assert refused.endswith("Executors asked for: 3; bundles: 2"), outcome.everything


def test_a_given_group_is_used_and_kept(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    said = outcome.part("given group")
    assert "refused: An executor does not fit bundle 0" in said, outcome.everything
    assert "CPU: needed 3, there 1" in said
    assert "count: 10\nkept: CREATED\n" in said, outcome.everything
    assert "bundle 524288000 bytes" in outcome.errors, outcome.everything


def test_given_bundles_are_honoured_and_taken_again_after_a_kill(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    lines = outcome.part("given bundles").splitlines()
    assert lines == ["two: 2 [1, 3]", "again: [1, 3]", "again: [1, 3]"], outcome.everything


def test_groups_that_no_nodes_can_hold_are_waited_for_and_refused(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    made, left, given = outcome.part("groups that no nodes can hold").splitlines()
    assert made.startswith("made: The cluster cannot hold the placement group for the executors"), made
    assert "group: 2 x CPU 1, memory 884 MiB, STRICT_SPREAD; the cluster has in all CPU 6, memory " in made, made
    assert given.startswith("given: The placement group is not reserved") and "group: CPU 50, memory 1024 MiB" in given
    assert left == "left: ['CREATED']", "only the group of the part before is left"
    told = [line for line in outcome.errors.splitlines() if line.startswith("raydp: the executors wait for ")]
    assert [" of at most 4 s; Ctrl-C ends the wait" in line for line in told] == [True, True], outcome.everything
