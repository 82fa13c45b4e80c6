"""The exchange's entry points on a Spark Connect server, as commands and reads in the program's session.

Nothing of raydp has to be installed there: the program sends the jar. The token of the agents is a setting of the
session and in no request, because Spark shows commands and plans in its UI and writes them to event logs.
"""

from __future__ import annotations

import contextlib
import json
import queue
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException

from raydp._exchange.driver.driver_calls import CATALOG_CLASS, CATALOG_KEY, fields_of, partitions_of
from raydp._exchange.driver.jvm_errors import error_for, error_in_text
from raydp._spark.connect_calls_of_thread import briefly_retried
from raydp._spark.connect_internals import call_after_plan, run_command, session_is_stopped
from raydp._spark.java_errors import JavaCause
from raydp.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession

    from raydp._exchange.driver.driver_calls import BlockOfPartition, ExportRequest, ScanRequest
    from raydp.errors import RaydpError

__all__ = ["ConnectCalls"]

_RUNNER = "io.raydp.exchange.connect.ProgramCalls"
_BLOCKS = "io.raydp.exchange.connect.ProgramBlocks"
_TOKEN_KEY = "spark.raydp.connect.token"
_PROGRAM_KEY = "spark.raydp.connect.program"


class ConnectCalls:
    """The entry points in the program's session on the server; implements the protocol ``DriverCalls``.

    The program holds the blocks of its DataFrames and names. It ends their leases by itself, because the server keeps
    nothing of a Dataset.

    Args:
        spark: The session.
    """

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._released: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._named: dict[str, int] = {}
        self._lineages: set[int] = set()

    def begin(self, program: str, token: bytes) -> None:
        """Let the session reach this program's agents.

        Args:
            program: The id under which the agents know the program.
            token: Their token.
        """
        self._spark.conf.set(_TOKEN_KEY, token.hex())
        self._spark.conf.set(_PROGRAM_KEY, program)
        self._spark.conf.set(CATALOG_KEY, CATALOG_CLASS)

    def end(self) -> None:
        """Let nothing in the session reach this program's agents any more; no error if the session has ended."""
        if session_is_stopped(self._spark):
            return
        # The errors of gRPC, and of a closed channel, have no common type.
        with contextlib.suppress(Exception), briefly_retried():
            self._call("forget", {"lineage_ids": sorted(self._lineages)})
            self._spark.conf.unset(_PROGRAM_KEY)
            self._spark.conf.unset(_TOKEN_KEY)

    def export(self, df: DataFrame, request: ExportRequest) -> list[list[BlockOfPartition]]:
        """Run the Spark job of an export. Returns the blocks of each partition, in order."""
        view = f"raydp_export_{request.export_id}"
        with _errors(), briefly_retried():
            df.createOrReplaceTempView(view)  # a command takes no DataFrame; the server drops the view
        partitions = partitions_of(self._call("export", {**_without_token(request), "view": view}))
        if request.keep_lineage:
            self._lineages.add(request.export_id)
        return partitions

    def recompute(self, lineage_id: int, export_id: int, partitions: list[int]) -> list[list[BlockOfPartition]]:
        """Run the Spark job that recomputes partitions, as another export. Returns the blocks of each, in order."""
        request = {"lineage_id": lineage_id, "export_id": export_id, "partitions": partitions}
        return partitions_of(self._call("recompute", request))

    def forget_lineage(self, lineage_id: int) -> None:
        """Drop the plan of an export; an unknown id is no error."""
        self._lineages.discard(lineage_id)
        self._call("forget", {"lineage_ids": [lineage_id]})

    def cancel_export(self, spark: SparkSession, export_id: int) -> None:
        """Cancel an export, and return when it has ended. One that has not started yet never starts a job."""
        del spark
        self._call("cancel", {"export_id": export_id})

    def is_context_stopped(self, spark: SparkSession) -> bool:
        """Tell whether the session has ended."""
        if session_is_stopped(spark):
            return True
        try:
            with briefly_retried():
                return not spark.version
        except Exception as error:  # the errors of gRPC, and of a closed channel, have no common type
            raise _no_answer(error) from error

    def dataframe_of_blocks(self, spark: SparkSession, request: ScanRequest) -> DataFrame:
        """Create a DataFrame over blocks. It leases the Dataset while this program has it, or one derived from it."""
        df = spark.read.format(_BLOCKS).option("request", json.dumps(_without_token(request))).load()
        call_after_plan(df, self._released.put, request.dataset)
        return df

    def register_blocks(self, name: str, request: ScanRequest) -> None:
        """Give blocks a name in Spark SQL, in this session. It leases the Dataset until it is unregistered."""
        self._call("register", {**_without_token(request), "name": name})
        self._release(self._named.pop(name, None))
        self._named[name] = request.dataset

    def unregister(self, name: str) -> bool:
        """Remove a name; ``False`` if it was not registered."""
        known = bool(json.loads(self._call("unregister", {"name": name})))
        self._release(self._named.pop(name, None))
        return known

    def registered(self) -> list[str]:
        """Return the names of all registered Datasets, sorted. SQL may have dropped some."""
        return list(json.loads(self._call("registered", {})))

    def await_released(self, timeout: float) -> list[int]:
        """Return the ids of leases that have ended, after at most ``timeout`` seconds."""
        ended: list[int | None] = []
        with contextlib.suppress(queue.Empty):
            ended.append(self._released.get(timeout=timeout))
            while True:
                ended.append(self._released.get_nowait())
        return [dataset for dataset in ended if dataset is not None]

    def collect_garbage(self) -> None:
        """Do nothing: Python drops a plan with the last reference to it."""

    def release_all(self) -> None:
        """End all leases; running scans fail."""
        self._released.put(None)  # wakes the thread that waits
        if self._named and not session_is_stopped(self._spark):
            self._named.clear()
            self._call("unregister_all", {})

    def _release(self, dataset: int | None) -> None:
        if dataset is not None:
            self._released.put(dataset)

    def _call(self, command: str, request: dict[str, Any]) -> str:
        with _errors(), briefly_retried():
            text = run_command(self._spark, _RUNNER, command, {"request": json.dumps(request)})
        answer = json.loads(text)
        if "causes" in answer:
            raise _error_of(answer["causes"])
        return str(answer["value"])


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Raise ``ExchangeError`` if the server does not answer in the body of a ``with``. Spark's own errors pass."""
    from pyspark.errors.exceptions.connect import SparkConnectException, SparkConnectGrpcException

    try:
        yield
    except SparkConnectException as error:
        ended = str(error.getCondition()).startswith("INVALID_HANDLE")  # the server has ended the session
        # Other types are Spark's own errors. The first is that of a session that this program has stopped.
        if ended or type(error) in (SparkConnectException, SparkConnectGrpcException):
            raise _no_answer(error) from error
        raise
    except ValueError as error:
        if isinstance(error, PySparkException):
            raise
        raise _no_answer(error) from error  # the session was stopped, and its channel closed


def _without_token(request: ExportRequest | ScanRequest) -> dict[str, Any]:
    fields = fields_of(request)
    del fields["token"]
    return fields


def _error_of(causes: list[dict[str, str]]) -> RaydpError:
    chain = [JavaCause(cause["class_name"], cause["message"], None) for cause in causes]
    for translate in (error_for, error_in_text):
        for cause in chain:
            known = translate(cause)
            if known is not None:
                return known
    return ExchangeError(f"Spark could not exchange its rows: {chain[0].class_name}: {chain[0].message}")


def _no_answer(error: Exception) -> ExchangeError:
    return ExchangeError(
        f"The Spark Connect server does not answer; was it, or the session, stopped meanwhile? {error}"
    )
