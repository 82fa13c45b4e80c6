"""Keeps the blocks of Datasets alive while Spark can read them."""

from __future__ import annotations

import itertools
import logging
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray

from raydp._exchange.agent.agent import AGENT_LOST
from raydp.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from ray import ObjectRef

    from raydp._exchange.driver.directory import Agent
    from raydp._exchange.driver.exchange_context import ExchangeContext

__all__ = ["DatasetLeases"]

_logger = logging.getLogger(__name__)
# Programs that share an application through Spark Connect must not use the same ids.
_dataset_ids = itertools.count(secrets.randbits(31) << 20)
_RELEASE_WAIT_SECONDS = 1.0
# Garbage collection pauses the driver JVM, so each one that frees nothing doubles the time to the next.
_COLLECTION_SECONDS = 1.0
_LONGEST_COLLECTION_SECONDS = 1800.0


@dataclass(frozen=True)
class _LeasedDataset:
    refs: list[ObjectRef[Any]]
    schema: pa.Schema


class DatasetLeases:
    """The Datasets that Spark can read. This process and every agent hold their references until the JVM's lease ends.

    The lifetime of DataFrames in Python does not matter: the JVM leases a Dataset while a plan, a table or a view there
    can read it, and reports when the lease ends.

    Args:
        context: What all conversions share.
    """

    def __init__(self, context: ExchangeContext) -> None:
        self._directory = context.directory
        self._jvm = context.jvm
        self._control_seconds = context.waits.control
        self._lock = threading.Lock()
        self._leased: dict[int, _LeasedDataset] = {}
        self._joined = False
        self._releasing: threading.Thread | None = None
        self._dropped_readers = 0

    def needs(self, agent: Agent) -> bool:
        """No task reads on a node without executors."""
        del agent
        return False

    def hold(self, refs: list[ObjectRef[Any]], schema: pa.Schema) -> int:
        """Hold blocks, and let every agent serve them in a canonical schema. Returns the id of the Dataset."""
        dataset = next(_dataset_ids)
        with self._lock:
            self._leased[dataset] = _LeasedDataset(refs, schema)
            known, self._joined = self._joined, True
        if known:
            self._directory.refresh()
            self._call_agents(lambda handle: handle.serve.remote(dataset, refs, schema))
        else:
            self._directory.join(self)
        return dataset

    def release_when_unused(self) -> None:
        """Release Datasets as the JVM ends their leases, from now until none is left."""
        with self._lock:
            if self._releasing is None:
                self._releasing = threading.Thread(target=self._release_ended, name="raydp-release", daemon=True)
                self._releasing.start()

    def note_dropped_reader(self) -> None:
        """Note that something that reads a Dataset is gone, so leases may be garbage. A finalizer may call it."""
        self._dropped_readers += 1

    def release(self, dataset: int) -> None:
        """Drop the references to a Dataset's blocks, here and at the agents."""
        with self._lock:
            if self._leased.pop(dataset, None) is None:
                return
        self._call_agents(lambda handle: handle.forget.remote(dataset))

    def references(self) -> list[ObjectRef[Any]]:
        """Return the references to all leased blocks."""
        with self._lock:
            return [ref for leased in self._leased.values() for ref in leased.refs]

    def count(self) -> int:
        """Return the number of leased Datasets."""
        with self._lock:
            return len(self._leased)

    def close(self) -> None:
        """Drop all references; DataFrames that read them fail from now on."""
        with self._lock:
            leased = len(self._leased)
            self._leased.clear()
        if leased:
            try:
                self._jvm.release_all()  # wakes the thread that releases Datasets
            except ExchangeError as error:
                _logger.info("The leases ended with the JVM: %s", error)

    def agent_joined(self, agent: Agent) -> None:
        """Let a new agent serve all Datasets."""
        with self._lock:
            leased = dict(self._leased)
        calls = [agent.handle.serve.remote(dataset, one.refs, one.schema) for dataset, one in leased.items()]
        for call in calls:
            agent.answer(call, self._control_seconds)

    def agent_lost(self, agent: Agent) -> None:
        """Nothing to do: tasks retry, and :meth:`agent_joined` prepares the agent's successor."""

    def _call_agents(self, call: Callable[[Any], ObjectRef[Any]]) -> None:
        calls = [call(agent.handle) for agent in self._directory.agents()]
        if not calls:
            return
        ready, late = ray.wait(calls, num_returns=len(calls), timeout=self._control_seconds)
        for answer in ready:
            try:
                ray.get(answer)
            except AGENT_LOST as error:
                _logger.info("An exchange agent died; its successor will serve all leased Datasets: %s", error)
        if late:
            _logger.warning("Exchange agents did not answer within %.0f s: %d", self._control_seconds, len(late))

    def _release_ended(self) -> None:
        seen, delay, due = 0, _COLLECTION_SECONDS, 0.0
        while True:
            if seen != self._dropped_readers:
                seen, delay, due = self._dropped_readers, _COLLECTION_SECONDS, time.monotonic()
            try:
                # An idle JVM does not collect garbage, and the blocks may need more memory than its heap.
                if seen and time.monotonic() >= due:
                    self._jvm.collect_garbage()
                    delay, due = min(2 * delay, _LONGEST_COLLECTION_SECONDS), time.monotonic() + delay
                ended = self._jvm.await_released(_RELEASE_WAIT_SECONDS)
            except Exception as error:  # the JVM is gone, and its leases with it
                _logger.info("Stopped watching leases: %s", error)
                return
            for dataset in ended:
                self.release(dataset)
            with self._lock:
                if not self._leased:
                    self._releasing = None
                    return
