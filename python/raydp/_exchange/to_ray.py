"""A Spark DataFrame to a Ray Dataset."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray
from pyspark import InheritableThread
from pyspark.errors import PySparkValueError

from raydp._errors import ExchangeError, RaydpError, UnsupportedTypeError
from raydp._exchange.driver_jvm import BlockOfPartition, ExportRequest
from raydp._exchange.ray_failures import reason_of
from raydp._exchange.spark_types import arrow_schema
from raydp._exchange.tensor_columns import TensorTables, chosen_tensors, shapes_of_agents, tensor_schema
from raydp._progress import Progress
from raydp._ray_internals import dataset_of_blocks

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pyarrow as pa
    from pyspark.sql import DataFrame
    from ray import ObjectRef
    from ray.data.dataset import MaterializedDataset

    from raydp._exchange.directory import Agent, AgentDirectory
    from raydp._exchange.driver_jvm import DriverJvm
    from raydp._exchange.tensor_columns import Shape, TensorColumn

__all__ = ["ExportOptions", "dataframe_to_dataset"]

_logger = logging.getLogger(__name__)
_numbers = itertools.count(1)
# Agents answer a control call in milliseconds; a node that is gone is noticed by Ray within this.
_CONTROL_SECONDS = 60.0
_CANCEL_SECONDS = 15.0


@dataclass(frozen=True)
class ExportOptions:
    """How a DataFrame is to be converted.

    Attributes:
        num_blocks: Number of blocks wanted, or ``None``: as many as the data needs.
        block_bytes: Size that blocks aim at, bytes.
        timeout: Seconds without any progress after which the conversion gives up.
        progress: Whether to draw a bar; ``None``: when standard error is a terminal.
        tensor_columns: Columns to make tensor columns of; see
            :func:`~raydp._exchange.tensor_columns.chosen_tensors`.
    """

    num_blocks: int | None
    block_bytes: int
    timeout: float
    progress: bool | None
    tensor_columns: Collection[str] | Mapping[str, Shape] | None = None


def dataframe_to_dataset(
    df: DataFrame, options: ExportOptions, *, directory: AgentDirectory, jvm: DriverJvm
) -> MaterializedDataset[Any]:
    """Run a DataFrame's plan once and return its rows as a Dataset, in the order of its partitions.

    This process owns the blocks. When the conversion fails or is interrupted, the Spark job is
    cancelled and what had arrived is freed.

    Raises:
        InvalidArgumentError: The DataFrame has no columns, or several of the same name, or a column cannot become a
            tensor column.
        UnsupportedTypeError: A column has a type that cannot cross; no job was started.
        DataLossError: Rows of a tensor column differ in shape, or hold nulls.
        ExchangeError: The conversion failed on its way, e.g. because a node died.
    """
    schema = _schema_of(df)
    tensors = chosen_tensors(schema, options.tensor_columns)
    conversion = _Conversion(next(_numbers), schema, tensors)
    with Progress("from_spark", unit=" blocks", enabled=options.progress) as progress:
        try:
            directory.join(conversion)
            job = conversion.start_job(df, options, directory, jvm)
            partitions = conversion.await_job(progress)
            refs = conversion.finish(options.timeout)
            job.join(_CANCEL_SECONDS)
        except BaseException as error:
            conversion.cancel(df, jvm, error)
            raise
        finally:
            directory.leave(conversion)
    return _dataset([block for blocks in partitions for block in blocks], refs, conversion.dataset_schema())


def _schema_of(df: DataFrame) -> pa.Schema:
    try:
        return arrow_schema(df.schema)
    except PySparkValueError as error:
        # Its types are behind the JVM's, which has for example timestamps of nanoseconds.
        raise UnsupportedTypeError(
            f"A column has a type that PySpark itself does not know. Cast it, a timestamp of nanoseconds for example "
            f"to TIMESTAMP_NTZ: {error}"
        ) from error


_Position = tuple[str, int]


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


class _Conversion:
    """One conversion at work: a Spark job, and a stream from every agent.

    The threads that run the job and drain the streams only report; the caller's thread decides.
    """

    def __init__(self, number: int, schema: pa.Schema, tensors: list[TensorColumn]) -> None:
        from ray.data import DataContext  # takes a second, which programs without Datasets do without

        self._number = number
        self._schema = schema
        self._tensors = tensors
        self._tensor_form = DataContext.get_current().arrow_fixed_shape_tensor_format
        self._shapes: dict[str, Shape] = {}
        self._streams: list[_Stream] = []
        self._ending = threading.Event()
        self._reports: queue.SimpleQueue[_JobDone | _Failed | _BlockCame] = queue.SimpleQueue()

    @property
    def needs_idle_agents(self) -> bool:
        """Executors that have left may have blocks under way into the store."""
        return True

    def agent_joined(self, agent: Agent) -> None:
        """Let an agent accept blocks of this conversion, and drain them."""
        tensors = TensorTables(self._tensors, self._tensor_form) if self._tensors else None
        ray.get(agent.handle.begin.remote(self._number, self._schema, tensors), timeout=_CONTROL_SECONDS)
        stream = _Stream(agent, agent.handle.stream.remote(self._number))
        self._streams.append(stream)
        name = f"raydp-export-{self._number}-{agent.key}"
        threading.Thread(target=self._drain, args=(stream,), name=name, daemon=True).start()

    def agent_lost(self, agent: Agent) -> None:
        """Fail: blocks of this conversion may have been on their way through that agent."""
        self._reports.put(_Failed(_agent_died(agent)))

    def start_job(
        self, df: DataFrame, options: ExportOptions, directory: AgentDirectory, jvm: DriverJvm
    ) -> threading.Thread:
        """Start the Spark job in a thread that has the caller's job group, tags and scheduler pool."""
        request = ExportRequest(
            conversion=self._number,
            application=directory.application,
            agents_dir=str(directory.folder),
            token=directory.token.hex(),
            block_bytes=options.block_bytes,
            num_blocks=options.num_blocks,
            timeout_s=round(options.timeout),
        )

        def run() -> None:
            try:
                self._reports.put(_JobDone(jvm.run_export(df, request)))
            except BaseException as error:  # handed to the caller's thread, which raises it
                self._reports.put(_Failed(error))

        thread: threading.Thread = InheritableThread(
            run, session=df.sparkSession, name=f"raydp-export-{self._number}", daemon=True
        )
        thread.start()
        return thread

    def await_job(self, progress: Progress) -> list[list[BlockOfPartition]]:
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

    def finish(self, timeout: float) -> dict[_Position, ObjectRef[Any]]:
        """End all streams and return what came out of them, by position."""
        self._ending.set()
        calls = [stream.agent.handle.finish.remote(self._number) for stream in self._streams]
        for stream, call in zip(self._streams, calls, strict=True):
            try:
                ray.get(call, timeout=_CONTROL_SECONDS)
            except ray.exceptions.RayActorError as error:
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
        if self._tensors:
            asked = [stream.agent.handle.tensor_shapes.remote(self._number) for stream in self._streams]
            self._shapes = shapes_of_agents(ray.get(asked, timeout=_CONTROL_SECONDS))
        return {(stream.agent.key, index): ref for stream in self._streams for index, ref in enumerate(stream.refs)}

    def dataset_schema(self) -> pa.Schema:
        """Return the schema of the blocks, once they are all there."""
        return tensor_schema(self._schema, self._tensors, self._shapes, self._tensor_form)

    def cancel(self, df: DataFrame, jvm: DriverJvm, error: BaseException) -> None:
        """End the job and the streams and drop the blocks; within bounds, and never with an error of its own."""
        self._ending.set()
        reason = f"The conversion was cancelled: {type(error).__name__}"
        try:
            jvm.cancel_export(df.sparkSession, self._number)
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
                # What an agent raises comes as the last reference of its stream.
                ray.get(stream.refs[-1:], timeout=_CONTROL_SECONDS)
        except ray.exceptions.RayActorError:
            self._reports.put(_Failed(_agent_died(stream.agent)))
        except Exception as error:  # handed to the caller's thread, which raises it
            self._reports.put(_Failed(_could_not_store(stream.agent, error)))
        finally:
            stream.generator = None
            stream.over.set()


def _could_not_store(agent: Agent, error: Exception) -> RaydpError:
    cause = getattr(error, "cause", None)
    failure = (
        cause
        if isinstance(cause, RaydpError)
        else ExchangeError(
            f"An exchange agent could not store a block; its log in Ray's session folder has more: node {agent.node}, "
            f"{reason_of(error)}"
        )
    )
    failure.__cause__ = error
    return failure


def _agent_died(agent: Agent) -> ExchangeError:
    return ExchangeError(
        f"The exchange agent of a node died during the conversion (node lost, or killed for memory?). Nothing was "
        f"converted; try again, a new agent is started by itself: node {agent.node}"
    )


def _dataset(
    blocks: list[BlockOfPartition], refs: dict[_Position, ObjectRef[Any]], schema: pa.Schema
) -> MaterializedDataset[Any]:
    if not blocks:
        # Ray Data takes the schema from a block, so that a frame without rows needs an empty one.
        return dataset_of_blocks([ray.put(schema.empty_table())], [0], [0], schema)
    missing = [block for block in blocks if (block.node, block.index) not in refs]
    if missing:
        raise ExchangeError(
            f"Spark reported blocks that no agent stored; this is a defect of raydp. {len(missing)} of {len(blocks)}, "
            f"for example {missing[0]}"
        )
    return dataset_of_blocks(
        [refs[block.node, block.index] for block in blocks],
        [block.rows for block in blocks],
        [block.bytes for block in blocks],
        schema,
    )
