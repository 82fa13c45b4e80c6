"""What a chaos run kills and freezes: how many of each kind, in which applications."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.chaos.plan import ENDINGS, Target, mix, plan


@given(seed=st.integers(0, 2**32), kills=st.integers(1, 300))
def test_it_has_as_many_faults_as_asked_for(seed: int, kills: int) -> None:
    lives = plan(seed, kills)
    assert sum(mix(lives).values()) == kills
    assert lives == plan(seed, kills)
    assert [life.ending is None for life in lives] == [*[False] * (len(lives) - 1), True]


def test_few_faults_hit_each_kind_of_process_of_one_application_on_one_node() -> None:
    (life,) = plan(1, 10)
    assert life.nodes == 1 and not life.is_impatient and life.ending is None
    own = {Target.EXECUTOR, Target.APP_MASTER, Target.AGENT, Target.WORKER, Target.DAEMON}
    assert {fault.target for fault in life.faults} == own


@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_faults_kill_everything_and_freeze_it_for_longer_than_others_wait(seed: int) -> None:
    lives = plan(seed, 1000)
    counted = mix(lives)
    for target in Target:
        assert counted[f"kill: {target.value}"] >= 4, counted
        assert counted[f"freeze: {target.value}"] >= 1, counted
    for target in (Target.EXECUTOR, Target.APP_MASTER, Target.AGENT, Target.NODE, Target.HEAD, Target.JVM):
        assert counted[f"long freeze: {target.value}"] >= 3, counted
    for life in lives:
        assert all(fault.frozen is not None for fault in life.faults if fault.target in ENDINGS)
        assert life.is_impatient or not any(fault.outlasts for fault in life.faults)
        assert life.nodes == 2 or not any(fault.target is Target.NODE for fault in life.faults)


def test_a_thousand_faults_leave_time_for_themselves_in_an_hour_and_a_half() -> None:
    lives = plan(1, 1000)
    assert len(lives) == 25  # a start of Ray and of an application takes 20 s
    assert sum(fault.frozen or 0.0 for life in lives for fault in life.faults if fault.outlasts) < 700
