"""Checks, during a Spark job of any length, that what it depends on still answers."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import ray

from raydp.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pyspark.sql import SparkSession

    from raydp._exchange.driver.directory import Agent
    from raydp._exchange.driver.exchange_context import ExchangeContext

__all__ = ["LivenessChecks"]

_CLUSTER_INTERVAL_SECONDS = 5.0
"""Between two looks at Ray, which cost little. Ray ends the program a minute after it has lost its head."""


class LivenessChecks:
    """Asks Ray, the driver JVM and the agents of an export for a sign of life, at intervals, in a thread.

    A job that fails, and an agent whose process dies, are reported without this. These checks find what hangs, and a
    ``SparkContext`` that stopped without failing the job.

    Args:
        context: What all conversions share.
        spark: The session that runs the job.
        agents: Returns the agents of the export.
        on_failure: Called in the thread with the error, at most once.
    """

    def __init__(
        self,
        context: ExchangeContext,
        spark: SparkSession,
        *,
        agents: Callable[[], Collection[Agent]],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._jvm = context.jvm
        self._waits = context.waits
        self._find_loss = context.find_loss
        self._spark = spark
        self._agents = agents
        self._on_failure = on_failure
        self._ended = threading.Event()
        self._was_stopped = False
        self._jvm_answered = time.monotonic()

    def start(self) -> None:
        """Start the checks."""
        self._jvm_answered = time.monotonic()
        threading.Thread(target=self._check_repeatedly, name="raydp-liveness", daemon=True).start()

    def stop(self) -> None:
        """Stop the checks; may be called more than once."""
        self._ended.set()

    def raise_if_jvm_is_silent(self) -> None:
        """Fail if the JVM has not answered in time. Called by another thread, because the one that asks hangs then."""
        silent = time.monotonic() - self._jvm_answered
        if silent > self._waits.sign_of_life + self._waits.check_interval:
            raise ExchangeError(
                f"The driver JVM does not answer while Spark's job runs. Does it collect garbage all the time (raise "
                f"spark.driver.memory), or is it suspended? Seconds without an answer: {silent:.0f}"
            )

    def _check_repeatedly(self) -> None:
        due = time.monotonic() + self._waits.check_interval
        while not self._ended.wait(min(_CLUSTER_INTERVAL_SECONDS, max(0.0, due - time.monotonic()))):
            try:
                self._check_cluster()
                if time.monotonic() < due:
                    continue
                self._check_context()
                self._check_agents()
                due = time.monotonic() + self._waits.check_interval
            except Exception as error:  # the caller's thread raises it
                if not self._ended.is_set():
                    self._on_failure(error)
                return

    def _check_cluster(self) -> None:
        if (loss := self._find_loss()) is not None:
            raise ExchangeError(f"Ray was lost while Spark's job ran: {loss}")

    def _check_context(self) -> None:
        stopped = self._jvm.is_context_stopped(self._spark)
        self._jvm_answered = time.monotonic()
        # Spark fails the jobs of a context that stops, and knows why. This is for a job that it forgets.
        if stopped and self._was_stopped:
            raise ExchangeError("The SparkContext was stopped while Spark's job ran. Start another session.")
        self._was_stopped = stopped

    def _check_agents(self) -> None:
        calls = {agent.handle.process_id.remote(): agent for agent in self._agents()}
        if not calls:
            return
        _, silent = ray.wait(list(calls), num_returns=len(calls), timeout=self._waits.sign_of_life, fetch_local=False)
        if silent:
            raise ExchangeError(
                f"An exchange agent does not answer while Spark's job runs. Is its node overloaded or cut off? Waited "
                f"{self._waits.sign_of_life:.0f} s, node {calls[silent[0]].node}"
            )
