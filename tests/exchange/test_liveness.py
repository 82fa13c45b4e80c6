"""A Spark job may run for any time, but what it depends on must answer."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
import ray

from raydp._application import current_application
from raydp._exchange.driver.exchange_context import ExchangeContext
from raydp._exchange.driver.jvm_calls import DriverJvm
from raydp._exchange.driver.liveness import LivenessChecks
from raydp._exchange.waits import ExchangeWaits
from raydp.errors import ExchangeError
from support.agents import application
from support.datasets import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

    from raydp._exchange.driver.directory import Agent

WAITS = replace(ExchangeWaits.of_settings({"spark.raydp.exchange.timeout": "0.5"}), check_interval=0.05)


class FakeJvm:
    """A driver JVM that can hang, stop its context or end."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.stopped = False
        self.ended = False
        self.asked = 0

    def is_context_stopped(self, spark: Any) -> bool:
        del spark
        self.answers.wait()
        self.asked += 1
        if self.ended:
            raise ExchangeError("The Spark driver's JVM does not answer")
        return self.stopped


@contextlib.contextmanager
def checks(
    jvm: FakeJvm, agents: list[Agent], waits: ExchangeWaits = WAITS, *, loss: str | None = None
) -> Iterator[tuple[LivenessChecks, list[BaseException]]]:
    """Start checks; yields them and the failures that they report."""
    context = ExchangeContext(
        directory=cast("Any", None),
        host=cast("Any", None),
        jvm=cast("Any", jvm),
        waits=waits,
        block_bytes=1,
        keep_lineage=False,
        progress=False,
        find_loss=lambda: loss,
        relay_port=0,
    )
    failures: list[BaseException] = []
    started = LivenessChecks(context, cast("Any", None), agents=lambda: agents, on_failure=failures.append)
    started.start()
    try:
        yield started, failures
    finally:
        jvm.answers.set()
        started.stop()


def test_a_jvm_that_answers_is_no_failure() -> None:
    jvm = FakeJvm()
    with checks(jvm, []) as (started, failures):
        assert eventually(lambda: jvm.asked > 20)
        started.raise_if_jvm_is_silent()
        assert failures == []


def test_a_jvm_that_hangs_is_reported() -> None:
    jvm = FakeJvm()
    jvm.answers.clear()
    with checks(jvm, []) as (started, failures):
        started.raise_if_jvm_is_silent()
        time.sleep(WAITS.sign_of_life + 3 * WAITS.check_interval)
        with pytest.raises(ExchangeError, match="driver JVM does not answer while Spark's job runs"):
            started.raise_if_jvm_is_silent()
        assert failures == []


@pytest.mark.parametrize(("attribute", "message"), [("stopped", "SparkContext was stopped"), ("ended", "not answer")])
def test_a_context_that_stopped_is_reported_once(attribute: str, message: str) -> None:
    jvm = FakeJvm()
    setattr(jvm, attribute, True)
    with checks(jvm, []) as (_, failures):
        assert eventually(lambda: bool(failures))
        time.sleep(5 * WAITS.check_interval)
        (failure,) = failures
        assert message in str(failure)


def test_a_lost_cluster_is_reported() -> None:
    with checks(FakeJvm(), [], loss="its raylet is gone") as (_, failures):
        assert eventually(lambda: bool(failures))
        assert "Ray was lost while Spark's job ran: its raylet is gone" in str(failures[0])


def test_a_running_context_is_not_stopped(spark: SparkSession) -> None:
    assert DriverJvm(current_application().jvm).is_context_stopped(spark) is False


def test_an_agent_that_hangs_is_reported(ray_cluster: Any) -> None:
    del ray_cluster
    with application() as app:
        agent = app.agent()
        pid = ray.get(agent.handle.process_id.remote())
        patient = replace(WAITS, sign_of_life=5.0)  # the agent may be slow to answer on a loaded machine
        with checks(FakeJvm(), [agent], patient) as (_, failures):
            time.sleep(5 * WAITS.check_interval)
            assert failures == []
            os.kill(pid, signal.SIGSTOP)
            try:
                assert eventually(lambda: bool(failures))
            finally:
                os.kill(pid, signal.SIGCONT)
        assert "exchange agent does not answer while Spark's job runs" in str(failures[0])
        assert agent.node in str(failures[0])
