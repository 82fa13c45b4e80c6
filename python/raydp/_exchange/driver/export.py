"""One run of a Spark job whose rows become blocks of Ray."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray
from pyspark import InheritableThread

from raydp._exchange.agent.agent import AGENT_LOST
from raydp._exchange.types.tensor_columns import shapes_of_agents
from raydp._machine.progress import Progress
from raydp._ray.failures import reason_of
from raydp.errors import ExchangeError, RaydpError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession
    from ray import ObjectRef

    from raydp._exchange.agent.agent import Stored
    from raydp._exchange.driver.directory import Agent, AgentDirectory
    from raydp._exchange.driver.driver_jvm import BlockOfPartition, DriverJvm
    from raydp._exchange.types.tensor_columns import BlockForm

__all__ = ["AgentDiedError", "Export", "Exported", "numbers"]

_logger = logging.getLogger(__name__)
numbers = itertools.count(1)
# Agents answer a control call in milliseconds; a node that is gone is noticed by Ray within this.
_CONTROL_SECONDS = 60.0
_CANCEL_SECONDS = 15.0

Position = tuple[str, int]


class AgentDiedError(ExchangeError):
    """An agent died in the middle of a conversion."""


@dataclass(frozen=True)
class Exported:
    """What a run made.

    Attributes:
        partitions: Blocks per partition, in order.
        refs: References to the blocks by position.
        agents: Those that stored them.
        form: What the blocks look like.
    """

    partitions: list[list[BlockOfPartition]]
    refs: dict[Position, ObjectRef[Any]]
    agents: list[Agent]
    form: BlockForm

    def stream_length(self, node: str) -> int:
        """Return how many blocks came from a node's agent, those included that no partition holds."""
        return sum(position[0] == node for position in self.refs)

    def ref(self, block: BlockOfPartition) -> ObjectRef[Any]:
        """Return the reference to a block."""
        return self.refs[block.node, block.index]


@dataclass
class _Stream:
    """One agent's stream of blocks and what has come out of it."""

    agent: Agent
    generator: Any
    refs: list[ObjectRef[Any]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class _JobDone:
    partitions: list[list[BlockOfPartition]]


@dataclass(frozen=True)
class _Failed:
    error: BaseException


class _BlockCame:
    """An agent has stored another block."""


class Export:
    """One run of a conversion: a Spark job, and a stream from every agent.

    The threads that run the job and drain the streams only report; the caller's thread decides.

    Args:
        number: Its number, unique in the application; one of :data:`numbers`.
        form: What its blocks look like.
        spark: The session.
        recoverable: Whether Ray is to call the streams once more when their blocks are lost.
    """

    def __init__(self, number: int, form: BlockForm, spark: SparkSession, *, recoverable: bool) -> None:
        self._number = number
        self._form = form
        self._spark = spark
        self._retries = -1 if recoverable else 0
        self._streams: list[_Stream] = []
        self._lost: list[Agent] = []
        self._ending = threading.Event()
        self._reports: queue.SimpleQueue[_JobDone | _Failed | _BlockCame] = queue.SimpleQueue()

    def run(
        self,
        export: Callable[[], list[list[BlockOfPartition]]],
        directory: AgentDirectory,
        jvm: DriverJvm,
        timeout: float,
        *,
        progress: bool | None,
    ) -> Exported:
        """Run a Spark job that exports partitions, and return them.

        Args:
            export: Runs the job.
            directory: The agents.
            jvm: The driver's JVM.
            timeout: Seconds without any progress after which an agent is given up.
            progress: Whether to draw a bar; ``None``: when standard error is a terminal.

        Raises:
            AgentDiedError: An agent died meanwhile.
            DataLossError: Rows of a tensor column differ in shape, or hold nulls.
            ExchangeError: The run failed otherwise.
        """
        with Progress("from_spark", unit=" blocks", enabled=progress) as bar:
            try:
                directory.join(self)
                job = self._start_job(export)
                partitions = self._await_job(bar)
                refs = self._finish(timeout)
                job.join(_CANCEL_SECONDS)
            except BaseException as error:
                self._cancel(jvm, error)
                raise
            finally:
                directory.leave(self)
        blocks = [block for partition in partitions for block in partition]
        missing = [block for block in blocks if (block.node, block.index) not in refs]
        if missing:
            raise ExchangeError(
                f"Spark reported blocks that no agent stored; this is a defect of raydp. {len(missing)} of "
                f"{len(blocks)}, for example {missing[0]}"
            )
        return Exported(partitions, refs, [stream.agent for stream in self._streams], self._form)

    def needs(self, agent: Agent) -> bool:
        """Executors that have left may have blocks under way into the store."""
        return agent not in self._lost and any(stream.agent is agent for stream in self._streams)

    def agent_joined(self, agent: Agent) -> None:
        """Let an agent accept blocks of this conversion, and drain them."""
        begun = agent.handle.begin.remote(self._number, self._form.canonical, self._form.tables())
        ray.get(begun, timeout=_CONTROL_SECONDS)
        call = agent.handle.stream.options(max_task_retries=self._retries)
        stream = _Stream(agent, call.remote(self._number))
        self._streams.append(stream)
        name = f"raydp-export-{self._number}-{agent.key}"
        threading.Thread(target=self._drain, args=(stream,), name=name, daemon=True).start()

    def agent_lost(self, agent: Agent) -> None:
        """Fail: blocks of this conversion may have been on their way through that agent."""
        self._lost.append(agent)
        self._reports.put(_Failed(_agent_died(agent)))

    def _start_job(self, export: Callable[[], list[list[BlockOfPartition]]]) -> threading.Thread:
        """Start the Spark job in a thread that has the caller's job group, tags and scheduler pool."""

        def run() -> None:
            try:
                self._reports.put(_JobDone(export()))
            except BaseException as error:  # handed to the caller's thread, which raises it
                self._reports.put(_Failed(error))

        thread: threading.Thread = InheritableThread(
            run, session=self._spark, name=f"raydp-export-{self._number}", daemon=True
        )
        thread.start()
        return thread

    def _await_job(self, progress: Progress) -> list[list[BlockOfPartition]]:
        """Wait for the job, however long Spark works on it, or for the first failure."""
        count = 0
        while True:
            report = self._reports.get()
            if isinstance(report, _JobDone):
                return report.partitions
            if isinstance(report, _Failed):
                raise report.error
            count += 1
            progress.set(count)

    def _finish(self, timeout: float) -> dict[Position, ObjectRef[Any]]:
        """End all streams and return what came out of them, by position."""
        self._ending.set()
        calls = [stream.agent.handle.finish.remote(self._number) for stream in self._streams]
        for stream, call in zip(self._streams, calls, strict=True):
            try:
                ray.get(call, timeout=_CONTROL_SECONDS)
            except AGENT_LOST as error:
                raise _agent_died(stream.agent) from error
            if not stream.over.wait(timeout):
                raise ExchangeError(
                    f"An exchange agent did not finish storing its blocks; is Ray's object store full and spilling "
                    f"slow? Waited {timeout:.0f} s, node {stream.agent.node}"
                )
        while not self._reports.empty():
            report = self._reports.get()
            if isinstance(report, _Failed):
                raise report.error
        shapes = []
        calls = [stream.agent.handle.stored.remote(self._number) for stream in self._streams]
        for stream, call in zip(self._streams, calls, strict=True):
            try:
                stored: Stored = ray.get(call, timeout=_CONTROL_SECONDS)
            except AGENT_LOST as error:
                raise _agent_died(stream.agent) from error
            if stored.blocks != len(stream.refs):
                _raise_last(stream)
            shapes.append(stored.shapes)
        self._form = self._form.with_shapes(shapes_of_agents(shapes))
        return {(stream.agent.key, index): ref for stream in self._streams for index, ref in enumerate(stream.refs)}

    def _cancel(self, jvm: DriverJvm, error: BaseException) -> None:
        """End the job and the streams and drop the blocks; within bounds, and never with an error of its own."""
        self._ending.set()
        reason = f"The conversion was cancelled: {type(error).__name__}"
        try:
            jvm.cancel_export(self._spark, self._number)
        except Exception as failure:  # Spark may be what is gone; the first error is the one to report
            _logger.info("Conversion %d: its Spark job could not be cancelled: %s", self._number, failure)
        calls = [stream.agent.handle.abort.remote(self._number, reason) for stream in self._streams]
        if calls and ray.is_initialized():
            ray.wait(calls, num_returns=len(calls), timeout=_CANCEL_SECONDS, fetch_local=False)
        for stream in self._streams:
            stream.refs.clear()
        self._streams.clear()

    def _drain(self, stream: _Stream) -> None:
        try:
            for ref in stream.generator:
                stream.refs.append(ref)
                self._reports.put(_BlockCame())
            ray.get(stream.generator.completed(), timeout=_CONTROL_SECONDS)
            if not self._ending.is_set():
                _raise_last(stream)
        except ray.exceptions.RayActorError:
            self._reports.put(_Failed(_agent_died(stream.agent)))
        except Exception as error:  # handed to the caller's thread, which raises it
            self._reports.put(_Failed(error if isinstance(error, RaydpError) else _could_not_store(stream, error)))
        finally:
            stream.generator = None
            stream.over.set()


def _raise_last(stream: _Stream) -> None:
    """Raise what ended a stream too early: it comes as the stream's last reference."""
    try:
        ray.get(stream.refs[-1:], timeout=_CONTROL_SECONDS)
    except ray.exceptions.RayActorError as error:
        raise _agent_died(stream.agent) from error
    except Exception as error:
        raise _could_not_store(stream, error) from error


def _could_not_store(stream: _Stream, error: Exception) -> RaydpError:
    cause = getattr(error, "cause", None)
    if isinstance(cause, RaydpError):
        return cause
    return ExchangeError(
        f"An exchange agent could not store a block; its log in Ray's session folder has more: node "
        f"{stream.agent.node}, {reason_of(error)}"
    )


def _agent_died(agent: Agent) -> AgentDiedError:
    return AgentDiedError(
        f"The exchange agent of a node died during the conversion (node lost, or killed for memory?). Nothing was "
        f"converted; try again, a new agent is started by itself: node {agent.node}"
    )
