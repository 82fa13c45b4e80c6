"""One export: a Spark job whose rows become blocks of Ray, and its retries."""

from __future__ import annotations

import itertools
import logging
import queue
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
import ray.experimental
from pyspark import InheritableThread

from raydp._exchange.agent.agent import AGENT_LOST
from raydp._exchange.driver.agent_stream import AgentDiedError, AgentStream, agent_died
from raydp._exchange.driver.liveness import LivenessChecks
from raydp._exchange.types.tensor_columns import merge_shapes
from raydp._machine.interrupts import interrupts_deferred
from raydp._machine.progress import Progress
from raydp._spark.spark_versions import of_session
from raydp.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession
    from ray import ObjectRef

    from raydp._exchange.agent.agent import StoredBlocks
    from raydp._exchange.driver.directory import Agent
    from raydp._exchange.driver.driver_calls import BlockOfPartition
    from raydp._exchange.driver.exchange_context import ExchangeContext
    from raydp._exchange.types.tensor_columns import BlockForm

__all__ = ["ExportJob", "ExportPlan", "ExportedBlocks", "export_with_retries"]

_logger = logging.getLogger(__name__)
# Programs that share an application through Spark Connect must not use the same ids.
_export_ids = itertools.count(secrets.randbits(31) << 20)
_MOST_ATTEMPTS = 3

Position = tuple[str, int]


@dataclass(frozen=True)
class ExportPlan:
    """What every attempt of an export runs.

    Attributes:
        purpose: What the progress bar says.
        spark: The session.
        form: What the blocks look like.
        keep_lineage: Whether Ray calls the agents' streams again when their blocks are lost.
        run_spark_job: Runs the Spark job under an export id. Returns the blocks of each partition, in order.
    """

    purpose: str
    spark: SparkSession
    form: BlockForm
    keep_lineage: bool
    run_spark_job: Callable[[int], list[list[BlockOfPartition]]]


@dataclass(frozen=True)
class ExportedBlocks:
    """What an export stored.

    Attributes:
        export_id: Id of the export.
        partitions: Blocks per partition, in order.
        refs: References to the blocks by position.
        agents: The agents that stored them.
        form: What the blocks look like.
    """

    export_id: int
    partitions: list[list[BlockOfPartition]]
    refs: dict[Position, ObjectRef[Any]]
    agents: list[Agent]
    form: BlockForm

    def stream_length(self, node: str) -> int:
        """Return how many blocks a node's agent stored, including those that belong to no partition."""
        return sum(position[0] == node for position in self.refs)

    def ref(self, block: BlockOfPartition) -> ObjectRef[Any]:
        """Return the reference to a block."""
        return self.refs[block.node, block.index]


def export_with_retries(context: ExchangeContext, plan: ExportPlan) -> ExportedBlocks:
    """Run an export. If an agent dies, run it again: nothing has been handed out yet.

    Raises:
        DataLossError: Rows of a tensor column differ in shape, or hold nulls.
        ExchangeError: The export failed, or agents died in every attempt.
    """
    for attempt in range(1, _MOST_ATTEMPTS):
        try:
            return ExportJob(context, plan, next(_export_ids)).run()
        except AgentDiedError as error:
            if (loss := context.find_loss()) is not None:  # no agent can start then
                raise ExchangeError(f"Ray was lost during a conversion: {loss}") from error
            _logger.warning("Retrying an export, attempt %d of %d: %s", attempt + 1, _MOST_ATTEMPTS, error)
    return ExportJob(context, plan, next(_export_ids)).run()


@dataclass(frozen=True)
class _JobDone:
    partitions: list[list[BlockOfPartition]]


class _JobThread(InheritableThread):
    """Reports what its job fails with, and what it fails with itself: Spark may be stopped while it starts."""

    on_failure: Callable[[BaseException], None]

    def run(self) -> None:
        try:
            super().run()
        except BaseException as error:  # the caller's thread raises it
            self.on_failure(error)


@dataclass(frozen=True)
class _Failed:
    error: BaseException


@dataclass(frozen=True)
class _BlockStored:
    ref: ObjectRef[Any]


class ExportJob:
    """One attempt of an export: a Spark job, and a stream of blocks from every agent.

    Threads run the job, drain the streams and check that everything answers. They only report; the caller's thread
    decides. It is a participant of the agent directory while it runs.

    Args:
        context: What all conversions share.
        plan: What to run.
        export_id: Id of the export, unique in the application.
    """

    def __init__(self, context: ExchangeContext, plan: ExportPlan, export_id: int) -> None:
        self._context = context
        self._plan = plan
        self._export_id = export_id
        self._streams: list[AgentStream] = []
        # Agents join in threads of the directory, also while this export ends.
        self._joining = threading.Lock()
        self._ending = threading.Event()
        self._lost: list[Agent] = []
        self._reports: queue.SimpleQueue[_JobDone | _Failed | _BlockStored] = queue.SimpleQueue()
        self._liveness = LivenessChecks(
            context, plan.spark, agents=self._living_agents, on_failure=self._report_failure
        )

    def run(self) -> ExportedBlocks:
        """Run the Spark job and return its blocks, which this process owns.

        If it fails or is interrupted, the Spark job is cancelled and the stored blocks are freed.

        Raises:
            AgentDiedError: An agent died.
            DataLossError: Rows of a tensor column differ in shape, or hold nulls.
            ExchangeError: The export failed.
        """
        with Progress(self._plan.purpose, unit=" blocks", enabled=self._context.progress) as bar:
            try:
                self._context.directory.join(self)
                job = self._start_spark_job()
                self._liveness.start()
                partitions = self._await_spark_job(bar)
                self._end_streams()
                form = self._collect_form()
                job.join(self._context.waits.cancel)
            except BaseException as error:
                with interrupts_deferred():  # people press Ctrl-C twice
                    self._cancel(error)
                raise
            finally:
                self._liveness.stop()
                self._context.directory.leave(self)
        refs = {(stream.agent.key, index): ref for stream in self._streams for index, ref in enumerate(stream.refs)}
        agents = [stream.agent for stream in self._streams]
        # This object and its callbacks refer to each other, so it lives until Python's garbage collector runs. It must
        # not keep the blocks of a Dataset that the program has dropped.
        self._streams.clear()
        _check_all_stored(partitions, refs)
        return ExportedBlocks(self._export_id, partitions, refs, agents, form)

    def needs(self, agent: Agent) -> bool:
        """Executors that have left may have sent blocks that the agent has not stored yet."""
        return agent not in self._lost and any(stream.agent is agent for stream in self._streams)

    def agent_joined(self, agent: Agent) -> None:
        """Let an agent accept blocks of this export, and drain its stream, unless the export ends."""
        if self._ending.is_set():
            return
        tables = self._plan.form.tensor_converter()
        begun = agent.handle.begin.remote(self._export_id, self._plan.form.canonical, tables)
        agent.answer(begun, self._context.waits.control)
        with self._joining:
            if not self._ending.is_set():
                self._drain(agent)
                return
        agent.handle.abort.remote(self._export_id, "The conversion has ended")

    def agent_lost(self, agent: Agent) -> None:
        """Fail: the agent may have held blocks of this export that it had not stored yet."""
        self._lost.append(agent)
        self._report_failure(agent_died(agent))

    def _drain(self, agent: Agent) -> None:
        call = agent.handle.stream.options(max_task_retries=-1 if self._plan.keep_lineage else 0)
        stream = AgentStream(
            agent,
            call.remote(self._export_id),
            control_seconds=self._context.waits.control,
            on_block=lambda ref: self._reports.put(_BlockStored(ref)),
            on_failure=self._report_failure,
        )
        self._streams.append(stream)
        stream.start(f"raydp-export-{self._export_id}-{agent.key}")

    def _expect_ends(self) -> None:
        """From now on, no stream is added, and the end of a stream is no failure."""
        with self._joining:
            self._ending.set()
        for stream in self._streams:
            stream.expect_end()

    def _living_agents(self) -> list[Agent]:
        return [stream.agent for stream in self._streams if stream.agent not in self._lost]

    def _report_failure(self, error: BaseException) -> None:
        self._reports.put(_Failed(error))

    def _start_spark_job(self) -> threading.Thread:
        """Start the Spark job in a thread that inherits the caller's job group, tags and scheduler pool."""

        def run() -> None:
            self._reports.put(_JobDone(self._plan.run_spark_job(self._export_id)))

        session = of_session(self._plan.spark)
        thread = _JobThread(run, **session, name=f"raydp-export-{self._export_id}", daemon=True)
        thread.on_failure = self._report_failure
        thread.start()
        return thread

    def _await_spark_job(self, bar: Progress) -> list[list[BlockOfPartition]]:
        """Wait for the end of the job or for the first failure. The job may run for any time while all answer."""
        blocks = bytes_stored = 0
        while True:
            try:
                report = self._reports.get(timeout=self._context.waits.check_interval)
            except queue.Empty:
                self._liveness.raise_if_jvm_is_silent()
                continue
            if isinstance(report, _JobDone):
                return report.partitions
            if isinstance(report, _Failed):
                raise report.error
            blocks += 1
            bytes_stored += _size_of(report.ref)
            bar.set(blocks, bytes_done=bytes_stored)

    def _end_streams(self) -> None:
        """Wait until the agents have stored the blocks that they received."""
        waits = self._context.waits
        self._expect_ends()
        calls = [stream.agent.handle.finish.remote(self._export_id) for stream in self._streams]
        for stream, call in zip(self._streams, calls, strict=True):
            try:
                stream.agent.answer(call, waits.control)
            except AGENT_LOST as error:
                raise agent_died(stream.agent) from error
            if not stream.await_end(waits.last_blocks):
                raise ExchangeError(
                    f"Spark's job has ended, but an exchange agent has not stored its last blocks. Is Ray's object "
                    f"store full, and spilling slow? Raise spark.raydp.exchange.timeout if so. Waited "
                    f"{waits.last_blocks:.0f} s, node {stream.agent.node}"
                )
        while not self._reports.empty():
            report = self._reports.get()
            if isinstance(report, _Failed):
                raise report.error

    def _collect_form(self) -> BlockForm:
        """Check that all blocks of the streams came out, and return their form with the shapes of tensor columns."""
        shapes = []
        calls = [stream.agent.handle.collect_stored.remote(self._export_id) for stream in self._streams]
        for stream, call in zip(self._streams, calls, strict=True):
            try:
                stored: StoredBlocks = stream.agent.answer(call, self._context.waits.control)
            except AGENT_LOST as error:
                raise agent_died(stream.agent) from error
            if stored.count != len(stream.refs):
                stream.raise_early_end()
            shapes.append(stored.shapes)
        return self._plan.form.with_shapes(merge_shapes(shapes))

    def _cancel(self, error: BaseException) -> None:
        """Cancel the job, end the streams and drop the blocks; within bounds, and without an error of its own."""
        self._expect_ends()
        reason = f"The conversion was cancelled: {type(error).__name__}"
        # In a thread, because the JVM may hang. It returns when the JVM's part of the export has ended.
        canceller = threading.Thread(target=self._cancel_spark_job, name="raydp-cancel", daemon=True)
        canceller.start()
        canceller.join(self._context.waits.cancel)
        calls = [stream.agent.handle.abort.remote(self._export_id, reason) for stream in self._streams]
        if calls and ray.is_initialized():
            ray.wait(calls, num_returns=len(calls), timeout=self._context.waits.cancel, fetch_local=False)
        for stream in self._streams:
            stream.refs.clear()
        self._streams.clear()

    def _cancel_spark_job(self) -> None:
        try:
            self._context.jvm.cancel_export(self._plan.spark, self._export_id)
        except Exception as error:  # Spark may be what failed; the first error is the one to report
            _logger.info("The Spark job of export %d could not be cancelled: %s", self._export_id, error)


def _check_all_stored(partitions: list[list[BlockOfPartition]], refs: dict[Position, ObjectRef[Any]]) -> None:
    blocks = [block for partition in partitions for block in partition]
    missing = [block for block in blocks if (block.node, block.index) not in refs]
    if missing:
        raise ExchangeError(
            f"Spark reported blocks that no agent stored; this is a defect of raydp. {len(missing)} of "
            f"{len(blocks)}, for example {missing[0]}"
        )


def _size_of(ref: ObjectRef[Any]) -> int:
    """Return the bytes of a block, without a call to another process; 0 if this process does not know them."""
    return ray.experimental.get_local_object_locations([ref]).get(ref, {}).get("object_size") or 0
