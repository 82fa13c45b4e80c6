"""The driver JVM's half of the exchange, as typed Python functions over py4j.

Requests and results are small JSON texts. Errors of ours in the JVM become the Python exceptions of the
same meaning; Spark's own (a failing UDF, an analysis error) stay what PySpark makes of them.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError, Py4JJavaError

from raydp._spark import internals as _spark_internals
from raydp.errors import ExchangeError, RaydpError, UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from py4j.java_gateway import JVMView
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["BlockOfPartition", "BlockSource", "DriverJvm", "ExportRequest", "ScanRequest"]

_OURS = {
    "io.raydp.exchange.UnsupportedTypeException": UnsupportedTypeError,
    "io.raydp.exchange.ExchangeException": ExchangeError,
}
_OURS_IN_TEXT = re.compile(r"io\.raydp\.exchange\.(?:ExchangeException|UnsupportedTypeException): (.+)")
_DEEPEST_CAUSE = 16


@dataclass(frozen=True)
class ExportRequest:
    """Asks for the blocks of a DataFrame; field names are the JVM's.

    Attributes:
        export_id: Id of the export, unique in the application.
        application: Id of the application.
        agents_dir: Folder of the agents' sockets.
        token: The application's secret, hex.
        block_bytes: Size that blocks aim at.
        num_blocks: Number of blocks wanted, or ``None``: as many as the data needs.
        timeout_s: Seconds that a task waits for its agent.
        keep_lineage: Whether the JVM keeps the plan, to recompute partitions later.
    """

    export_id: int
    application: str
    agents_dir: str
    token: str
    block_bytes: int
    num_blocks: int | None
    timeout_s: int
    keep_lineage: bool


@dataclass(frozen=True)
class BlockOfPartition:
    """Where a block of a DataFrame's partition went: place in an agent's stream, rows and bytes."""

    node: str
    index: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class BlockSource:
    """A block of a Dataset as Spark's planner sees it: rows and bytes (-1: not known), hosts that have it."""

    rows: int
    bytes: int
    hosts: list[str]


@dataclass(frozen=True)
class ScanRequest:
    """Asks for a DataFrame over blocks; field names are the JVM's, see :class:`ExportRequest`.

    Attributes:
        schema: Spark's schema, as JSON text.
        segment_bytes: Size of the shared memory that a task reads through.
    """

    dataset: int
    application: str
    agents_dir: str
    token: str
    schema: str
    segment_bytes: int
    timeout_s: int
    blocks: list[BlockSource]


class DriverJvm:
    """Entry points of ``io.raydp.exchange`` in the driver's JVM; safe for any thread.

    Args:
        jvm: The JVM.
    """

    def __init__(self, jvm: JVMView) -> None:
        self._jvm = jvm

    def run_export(self, df: DataFrame, request: ExportRequest) -> list[list[BlockOfPartition]]:
        """Run a DataFrame's plan and send its rows to the agents; blocks per partition, in order.

        Raises:
            UnsupportedTypeError: A column cannot cross; no job was started.
            ExchangeError: A task could not hand over its rows.
        """
        with _python_errors():
            text = self._jvm.io.raydp.exchange.ExportJob.run(
                _spark_internals.java_dataframe(df), json.dumps(asdict(request))
            )
        return _partitions(text)

    def repeat_export(self, conversion: int, number: int, partitions: list[int]) -> list[list[BlockOfPartition]]:
        """Export partitions of a recoverable conversion again, as another; blocks per partition, in that order.

        Raises:
            ExchangeError: The plan may give other rows than before, or a task could not hand over its rows.
        """
        try:
            with _python_errors():
                text = self._jvm.io.raydp.exchange.Lineages.recompute(conversion, number, json.dumps(partitions))
        except Py4JJavaError as error:
            reason = str(error.java_exception.getMessage())
            raise ExchangeError(f"Spark's job failed; its UI and the executors' logs have more: {reason}") from error
        return _partitions(text)

    def forget_export(self, conversion: int) -> None:
        """Drop the plan of a recoverable conversion; an unknown one is no error."""
        with _python_errors():
            self._jvm.io.raydp.exchange.Lineages.forget(conversion)

    def cancel_export(self, spark: SparkSession, conversion: int) -> None:
        """Cancel the Spark job of a conversion; one that has ended is no error."""
        with _python_errors():
            self._jvm.io.raydp.exchange.ExportJob.cancel(_spark_internals.java_session(spark), conversion)

    def blocks_dataframe(self, spark: SparkSession, request: ScanRequest) -> DataFrame:
        """Make a DataFrame over blocks; the JVM leases the Dataset until nothing there can read it."""
        with _python_errors():
            java_dataframe = self._jvm.io.raydp.exchange.RayBlocks.dataFrame(
                _spark_internals.java_session(spark), json.dumps(asdict(request))
            )
        return _spark_internals.dataframe_of(java_dataframe, spark)

    def register_blocks(self, name: str, request: ScanRequest) -> None:
        """Let queries read blocks under a name; the JVM leases the Dataset until it is unregistered and unused."""
        with _python_errors():
            self._jvm.io.raydp.exchange.RayBlocks.register(name, json.dumps(asdict(request)))

    def unregister(self, name: str) -> bool:
        """Take a name back; ``False`` when it was none."""
        with _python_errors():
            return bool(self._jvm.io.raydp.exchange.RayBlocks.unregister(name))

    def registered(self) -> list[str]:
        """Return the names of all registered Datasets, sorted."""
        with _python_errors():
            return list(self._jvm.io.raydp.exchange.RayBlocks.registered())

    def await_released(self, timeout: float) -> list[int]:
        """Return Datasets whose lease ended, after at most ``timeout`` seconds."""
        return list(self._jvm.io.raydp.exchange.RayBlocks.awaitReleased(int(timeout * 1000)))

    def collect_garbage(self) -> None:
        """Have the JVM look for leases that nothing refers to any more."""
        self._jvm.java.lang.System.gc()

    def release_all(self) -> None:
        """End all leases; reads that are under way fail."""
        with _python_errors():
            self._jvm.io.raydp.exchange.RayBlocks.releaseAll()


def _partitions(text: str) -> list[list[BlockOfPartition]]:
    return [[BlockOfPartition(**block) for block in blocks] for blocks in json.loads(text)["partitions"]]


@contextlib.contextmanager
def _python_errors() -> Iterator[None]:
    try:
        yield
    except Py4JJavaError as error:
        ours = _error_of_ours(error)
        if ours is None:
            raise
        raise ours from error
    except Py4JError as error:
        raise ExchangeError(f"The Spark driver's JVM does not answer; was Spark stopped meanwhile? {error}") from error


def _error_of_ours(error: Py4JJavaError) -> RaydpError | None:
    cause: Any = error.java_exception
    for _ in range(_DEEPEST_CAUSE):
        if cause is None:
            return None
        message = str(cause.getMessage())
        kind = _OURS.get(cause.getClass().getName())
        if kind is not None:
            return kind(message)
        # What happened in an executor is only text in the exception of Spark's scheduler.
        in_text = _OURS_IN_TEXT.search(message)
        if in_text is not None:
            return ExchangeError(f"A Spark task could not exchange its rows: {in_text[1].strip()}")
        cause = cause.getCause()
    return None
