"""Ray blocks to a Spark DataFrame."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import re
import threading
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
import ray.experimental
from pyspark.sql.types import StructType

from raydp._exchange.agent.agent import AGENT_LOST
from raydp._exchange.driver.block_schemas import describe_blocks, unified_schema
from raydp._exchange.driver.driver_jvm import BlockSource, ScanRequest
from raydp._exchange.types.canonical_types import canonical_schema
from raydp._exchange.types.spark_types import spark_schema
from raydp.errors import ExchangeError, InvalidArgumentError, UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession
    from ray import ObjectRef

    from raydp._exchange.driver.directory import Agent, AgentDirectory
    from raydp._exchange.driver.driver_jvm import DriverJvm

__all__ = ["Blocks", "HeldDatasets", "Reading", "useful_nodes"]

_logger = logging.getLogger(__name__)
_numbers = itertools.count(1)
_CONTROL_SECONDS = 60.0
_RELEASE_WAIT_SECONDS = 1.0
# A collection costs the driver's JVM a pause, so that each one that frees nothing doubles the time to the next.
_COLLECTION_SECONDS = 1.0
_LONGEST_COLLECTION_SECONDS = 1800.0
_NOT_KNOWN = -1
_TIMES_ENABLED = "spark.sql.timeType.enabled"
_TIME_IN_JSON = re.compile(r'"(?:type|elementType|keyType|valueType)":"time\(')


@dataclass(frozen=True)
class Blocks:
    """What is to become a DataFrame.

    Attributes:
        refs: References to Arrow tables or pandas frames.
        schema: Their Arrow schema, or ``None``: the blocks are asked.
        rows: Rows of each, ``None`` where not known.
        sizes: Bytes of each, ``None`` where not known.
    """

    refs: list[ObjectRef[Any]]
    schema: pa.Schema | None = None
    rows: list[int | None] | None = None
    sizes: list[int | None] | None = None


class HeldDatasets:
    """The Datasets that Spark can read: references held here and at every agent until the JVM lets go.

    Nothing of it hangs on Python objects of DataFrames: the JVM leases a Dataset for as long as a plan,
    a table or a view there can still read it, and reports the end of each lease.
    """

    def __init__(self, directory: AgentDirectory, jvm: DriverJvm) -> None:
        self._directory = directory
        self._jvm = jvm
        self._lock = threading.Lock()
        self._held: dict[int, tuple[list[ObjectRef[Any]], pa.Schema]] = {}
        self._joined = False
        self._releasing: threading.Thread | None = None
        self._given_up = 0

    def needs(self, agent: Agent) -> bool:
        """Without executors on a node nobody there reads."""
        del agent
        return False

    def hold(self, refs: list[ObjectRef[Any]], schema: pa.Schema) -> int:
        """Hold blocks and let every agent serve them, cast to a canonical schema; returns their number."""
        number = next(_numbers)
        with self._lock:
            self._held[number] = refs, schema
            known, self._joined = self._joined, True
        if known:
            self._directory.refresh()
            self._at_agents("serve", number, refs, schema)
        else:
            self._directory.join(self)
        return number

    def follow_leases(self) -> None:
        """Release Datasets as the JVM ends their leases, from now until none is left."""
        with self._lock:
            if self._releasing is None:
                self._releasing = threading.Thread(target=self._release_ended, name="raydp-release", daemon=True)
                self._releasing.start()

    def given_up(self) -> None:
        """Take note that a reader of a Dataset is gone, so that leases may be garbage; callable from a finalizer."""
        self._given_up += 1

    def release(self, number: int) -> None:
        """Drop the references to a Dataset's blocks, here and at the agents."""
        with self._lock:
            if self._held.pop(number, None) is None:
                return
        self._at_agents("forget", number)

    def references(self) -> list[ObjectRef[Any]]:
        """Return all references that are held."""
        with self._lock:
            return [ref for refs, _ in self._held.values() for ref in refs]

    def count(self) -> int:
        """Return how many Datasets are held."""
        with self._lock:
            return len(self._held)

    def close(self) -> None:
        """Drop everything; DataFrames that read it fail from now on."""
        with self._lock:
            held = len(self._held)
            self._held.clear()
        if held:
            try:
                self._jvm.release_all()  # wakes the thread that follows the leases
            except ExchangeError as error:
                _logger.info("The leases ended with the JVM: %s", error)

    def agent_joined(self, agent: Agent) -> None:
        """Let a new agent serve all Datasets."""
        with self._lock:
            held = dict(self._held)
        calls = [agent.handle.serve.remote(number, refs, schema) for number, (refs, schema) in held.items()]
        ray.get(calls, timeout=_CONTROL_SECONDS)

    def agent_lost(self, agent: Agent) -> None:
        """Nothing to do: tasks try again, and its successor is told by :meth:`agent_joined`."""

    def _at_agents(self, method: str, *arguments: Any) -> None:
        calls = [getattr(agent.handle, method).remote(*arguments) for agent in self._directory.agents()]
        ready, late = ray.wait(calls, num_returns=len(calls), timeout=_CONTROL_SECONDS) if calls else ([], [])
        for call in ready:
            try:
                ray.get(call)
            except AGENT_LOST as error:
                _logger.info("An exchange agent died; its successor is told what is held: %s", error)
        if late:
            _logger.warning("Exchange agents did not answer within %.0f s: %d", _CONTROL_SECONDS, len(late))

    def _release_ended(self) -> None:
        looked_at, delay, due = 0, _COLLECTION_SECONDS, 0.0
        while True:
            if looked_at != self._given_up:
                looked_at, delay, due = self._given_up, _COLLECTION_SECONDS, time.monotonic()
            try:
                # An idle JVM does not collect garbage by itself, and blocks can be worth more than its own heap.
                if looked_at and time.monotonic() >= due:
                    self._jvm.collect_garbage()
                    delay, due = min(2 * delay, _LONGEST_COLLECTION_SECONDS), time.monotonic() + delay
                ended = self._jvm.await_released(_RELEASE_WAIT_SECONDS)
            except Exception as error:  # the JVM is gone, and its leases with it
                _logger.info("Leases are not followed any more: %s", error)
                return
            for number in ended:
                self.release(number)
            with self._lock:
                if not self._held:
                    self._releasing = None
                    return


@dataclass(frozen=True)
class Reading:
    """What all Datasets that Spark reads have in common.

    Attributes:
        held: Holds blocks for as long as anything in the JVM can read them.
        directory: The agents.
        jvm: The driver's JVM.
        segment_bytes: Size of the shared memory that a task reads through.
        timeout: Seconds that a task waits for its agent.
    """

    held: HeldDatasets
    directory: AgentDirectory
    jvm: DriverJvm
    segment_bytes: int
    timeout: float

    def dataframe(self, spark: SparkSession, blocks: Blocks) -> DataFrame:
        """Return a DataFrame that reads blocks where they lie, each time that it is used.

        Raises:
            InvalidArgumentError: There are neither blocks nor a schema, no columns, or several of the same name.
            UnsupportedTypeError: A column has a type that Spark cannot hold.
        """
        with self._leased(blocks) as request:
            _check_times(spark, request.schema)
            df = self.jvm.blocks_dataframe(spark, request)
        weakref.finalize(df, self.held.given_up).atexit = False
        return df

    def register(self, name: str, blocks: Blocks) -> None:
        """Let queries read blocks under a name; raises as :meth:`dataframe` does."""
        with self._leased(blocks) as request:
            self.jvm.register_blocks(name, request)
        self.held.given_up()  # the name may have been another Dataset's

    def unregister(self, name: str) -> bool:
        """Take a name back; ``False`` when it was none."""
        known = self.jvm.unregister(name)
        self.held.given_up()
        return known

    @contextlib.contextmanager
    def _leased(self, blocks: Blocks) -> Iterator[ScanRequest]:
        """Hold blocks until the JVM, which is asked for a lease meanwhile, lets go of them."""
        nodes = _nodes_of(blocks.refs)
        schema, rows, sizes = _described(blocks, nodes, self.directory, self.timeout)
        hosts = _hosts_by_node()
        executors = set(self.directory.executor_nodes())
        number = self.held.hold(blocks.refs, schema)
        try:
            yield ScanRequest(
                dataset=number,
                application=self.directory.application,
                agents_dir=str(self.directory.folder),
                token=self.directory.token.hex(),
                schema=spark_schema(schema).json(),
                segment_bytes=self.segment_bytes,
                timeout_s=round(self.timeout),
                blocks=[
                    BlockSource(count, size, [hosts[node] for node in useful_nodes(places, executors) if node in hosts])
                    for count, size, places in zip(rows, sizes, nodes, strict=True)
                ],
            )
        except BaseException:
            self.held.release(number)
            raise
        self.held.follow_leases()


def _check_times(spark: SparkSession, schema: str) -> None:
    if _TIME_IN_JSON.search(schema) and spark.conf.get(_TIMES_ENABLED, "false") != "true":
        raise UnsupportedTypeError(
            f"A column holds times of day, and Spark's type for them is switched off. Set {_TIMES_ENABLED} to true in "
            f"the session, or drop the column: {StructType.fromJson(json.loads(schema)).simpleString()}"
        )


def _described(
    blocks: Blocks, nodes: list[list[str]], directory: AgentDirectory, timeout: float
) -> tuple[pa.Schema, list[int], list[int]]:
    if blocks.schema is not None:
        not_known = [None] * len(blocks.refs)
        rows, sizes = blocks.rows or not_known, blocks.sizes or not_known
        schema = canonical_schema(blocks.schema)
        return schema, [_NOT_KNOWN if n is None else n for n in rows], [_NOT_KNOWN if n is None else n for n in sizes]
    if not blocks.refs:
        raise InvalidArgumentError(
            "The Dataset has no blocks and no schema, so that the DataFrame's columns are not known. Give the schema "
            "to raydp.spark.ray_dataset_to_spark_dataframe, or convert a Dataset that has at least an empty block"
        )
    directory.refresh()
    found = describe_blocks(blocks.refs, nodes, directory.agents(), timeout)
    schema = unified_schema([block.schema for block in found])
    return schema, [block.rows for block in found], [block.size for block in found]


def _nodes_of(refs: list[ObjectRef[Any]]) -> list[list[str]]:
    if not refs:
        return []
    # Small blocks have no location: they travel with the reference.
    locations = ray.experimental.get_object_locations(refs, timeout_ms=int(_CONTROL_SECONDS * 1000))
    return [locations.get(ref, {}).get("node_ids", []) for ref in refs]


def useful_nodes(places: list[str], executors: set[str]) -> list[str]:
    """Return the nodes of a block where a task can run now; all of them where none can, since executors may come.

    Else the copies that a driver has of blocks that it looked at, on a node without executors, would pass for the
    nearest, and tasks would run anywhere.
    """
    return [node for node in places if node in executors] or places


def _hosts_by_node() -> dict[str, str]:
    return {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
