"""What the exchange asks of the Spark driver: requests, results, and the protocol of the calls."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame, SparkSession

__all__ = [
    "CATALOG_CLASS",
    "CATALOG_KEY",
    "AgentAddress",
    "BlockOfPartition",
    "BlockSource",
    "DriverCalls",
    "ExportRequest",
    "ScanRequest",
    "fields_of",
    "partitions_of",
]


CATALOG_KEY = "spark.sql.catalog.ray"
"""The setting that lets queries find what ``raydp.register`` names. Spark loads the class at the first such query."""
CATALOG_CLASS = "io.raydp.exchange.RayCatalog"


@dataclass(frozen=True)
class AgentAddress:
    """What an executor needs to connect to its node's agent; field names are the JVM's.

    Attributes:
        application: Id of the application.
        agents_dir: Folder of the agents' sockets.
        token: The application's token, hex.
        waits: The bounds of the waits of tasks, in seconds, by the keys of their settings.
        hosts_without_node: The hosts of executors that have no Ray node, if executors without an agent may use another
            machine's over TCP; ``None`` if they may not.
        relay_port: On which port the driver and executors listen for those without an agent, or on one of the next; 0
            for any.
    """

    application: str
    agents_dir: str
    token: str
    waits: Mapping[str, float]
    hosts_without_node: list[str] | None = None
    relay_port: int = 0


@dataclass(frozen=True)
class ExportRequest:
    """Requests the blocks of a DataFrame; field names are the JVM's.

    Attributes:
        agents: How executors connect to their agents.
        export_id: Id of the export, unique in the application.
        block_bytes: Target size of blocks.
        num_blocks: Number of blocks, or ``None``: as many as the data needs.
        keep_lineage: Whether the JVM keeps the plan, to recompute partitions later.
    """

    agents: AgentAddress
    export_id: int
    block_bytes: int
    num_blocks: int | None
    keep_lineage: bool


@dataclass(frozen=True)
class BlockOfPartition:
    """One block of a DataFrame's partition: its position in an agent's stream, rows and bytes."""

    node: str
    index: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class BlockSource:
    """One block of a Dataset for Spark's planner: rows and bytes (-1: unknown), and the hosts that have it."""

    rows: int
    bytes: int
    hosts: list[str]


@dataclass(frozen=True)
class ScanRequest:
    """Requests a DataFrame over blocks; field names are the JVM's.

    Attributes:
        agents: How executors connect to their agents.
        dataset: Id of the Dataset's lease.
        schema: Spark's schema, as JSON text.
        segment_bytes: Size of the segment that a task reads through.
        blocks: The blocks, in order.
    """

    agents: AgentAddress
    dataset: int
    schema: str
    segment_bytes: int
    blocks: list[BlockSource]


class DriverCalls(Protocol):
    """The exchange's entry points in the Spark driver; safe for any thread.

    raydp's errors in the JVM become the Python exceptions of the same meaning. Spark's own errors, such as a failing
    UDF, stay what PySpark makes of them.
    """

    def export(self, df: DataFrame, request: ExportRequest) -> list[list[BlockOfPartition]]:
        """Run the Spark job of an export. Returns the blocks of each partition, in order.

        Raises:
            UnsupportedTypeError: A column's type is not supported; no job was started.
            ExchangeError: A task could not send its rows to its agent.
        """

    def recompute(self, lineage_id: int, export_id: int, partitions: list[int]) -> list[list[BlockOfPartition]]:
        """Run the Spark job that recomputes partitions, as another export. Returns the blocks of each, in that order.

        Args:
            lineage_id: Id of the export whose lineage the driver keeps.
            export_id: Id of the new export.
            partitions: The partitions.

        Raises:
            ExchangeError: The plan may give different rows, or a task failed.
        """

    def forget_lineage(self, lineage_id: int) -> None:
        """Drop the plan of an export; an unknown id is no error."""

    def cancel_export(self, spark: SparkSession, export_id: int) -> None:
        """Cancel an export, and return when it has ended. One that has not started yet never starts a job."""

    def is_context_stopped(self, spark: SparkSession) -> bool:
        """Tell whether the session's ``SparkContext`` has stopped.

        Raises:
            ExchangeError: The driver does not answer.
        """

    def dataframe_of_blocks(self, spark: SparkSession, request: ScanRequest) -> DataFrame:
        """Create a DataFrame over blocks. It leases the Dataset while a plan can still read it."""

    def register_blocks(self, name: str, request: ScanRequest) -> None:
        """Give blocks a name in Spark SQL. It leases the Dataset until it is unregistered and no plan reads it."""

    def unregister(self, name: str) -> bool:
        """Remove a name; ``False`` if it was not registered."""

    def registered(self) -> list[str]:
        """Return the names of all registered Datasets, sorted."""

    def await_released(self, timeout: float) -> list[int]:
        """Return the ids of leases that have ended, after at most ``timeout`` seconds."""

    def collect_garbage(self) -> None:
        """Find leases that nothing refers to."""

    def release_all(self) -> None:
        """End all leases; running scans fail."""


def fields_of(request: ExportRequest | ScanRequest) -> dict[str, Any]:
    """Return what a request says, as the JVM reads it."""
    fields = asdict(request)
    return {**fields.pop("agents"), **fields}


def partitions_of(text: str) -> list[list[BlockOfPartition]]:
    """Return where the blocks of an export are, from what the JVM says."""
    return [[BlockOfPartition(**block) for block in blocks] for blocks in json.loads(text)["partitions"]]
