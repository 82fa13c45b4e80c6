"""Spark recomputes blocks that were lost with a node, while its application lives.

Ray triggers it. When a block is lost that something refers to, Ray calls the agent's streaming method again with the
same arguments, in a new process of the agent, possibly on another node. That process sends a request to the driver,
Spark recomputes the partitions, and the stream yields the same rows at the same positions.
"""

from __future__ import annotations

import functools
import itertools
import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray

from raydp._exchange.agent.recompute_requests import BlockSlice, RecomputedBlock
from raydp._exchange.driver.export_job import ExportPlan, export_with_retries
from raydp._ray.internals import referenced
from raydp.errors import ExchangeError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from raydp._exchange.driver.directory import Agent
    from raydp._exchange.driver.driver_calls import BlockOfPartition
    from raydp._exchange.driver.exchange_context import ExchangeContext
    from raydp._exchange.driver.export_job import ExportedBlocks
    from raydp._exchange.types.tensor_columns import BlockForm

__all__ = ["Lineage", "Lineages", "recomputed_block"]

_logger = logging.getLogger(__name__)
# How often to check whether anything still refers to the blocks of an export.
_PRUNE_SECONDS = 15.0


@dataclass(frozen=True)
class RowRange:
    """Which rows of a DataFrame a block holds."""

    partition: int
    first_row: int
    rows: int


@dataclass(frozen=True)
class Lineage:
    """What the driver keeps to recompute the blocks of an export.

    Attributes:
        export_id: Id of the export. The JVM keeps its plan under the same id.
        form: What the blocks look like.
        spark: The session.
        row_ranges: The rows of each block, by node and position in its agent's stream; ``None`` for a block that
            belongs to no partition.
        partition_rows: Number of rows of each partition.
        blocks: Ids of the blocks, hex.
    """

    export_id: int
    form: BlockForm
    spark: SparkSession
    row_ranges: dict[str, list[RowRange | None]]
    partition_rows: list[int]
    blocks: frozenset[str]
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, exported: ExportedBlocks, spark: SparkSession) -> Lineage:
        """Return the lineage of an export."""
        nodes = {block.node for blocks in exported.partitions for block in blocks}
        ranges: dict[str, list[RowRange | None]] = {node: [None] * exported.stream_length(node) for node in nodes}
        for partition, blocks in enumerate(exported.partitions):
            first_row = 0
            for block in blocks:
                ranges[block.node][block.index] = RowRange(partition, first_row, block.rows)
                first_row += block.rows
        rows = [sum(block.rows for block in blocks) for blocks in exported.partitions]
        ids = frozenset(exported.ref(block).hex() for blocks in exported.partitions for block in blocks)
        return cls(exported.export_id, exported.form, spark, ranges, rows, ids)


class Lineages:
    """The lineages of all exports whose blocks something refers to; safe for any thread.

    Args:
        context: What all conversions share.
    """

    def __init__(self, context: ExchangeContext) -> None:
        self._context = context
        self._directory = context.directory
        self._lock = threading.Lock()
        self._kept: dict[int, Lineage] = {}
        self._followed: list[Agent] = []
        self._closed = threading.Event()
        self._pruning: threading.Thread | None = None

    def keep(self, lineage: Lineage, agents: list[Agent]) -> None:
        """Keep a lineage until nothing refers to its blocks.

        Args:
            lineage: The lineage.
            agents: The agents that stored its blocks.
        """
        with self._lock:
            self._kept[lineage.export_id] = lineage
            new = [agent for agent in agents if agent.key in lineage.row_ranges and agent not in self._followed]
            self._followed += new
            if self._pruning is None:
                self._pruning = threading.Thread(target=self._prune, name="raydp-lineages", daemon=True)
                self._pruning.start()
        self._directory.add(self)
        for agent in new:
            self._await_request(agent)

    def count(self) -> int:
        """Return the number of lineages that are kept."""
        with self._lock:
            return len(self._kept)

    def close(self) -> None:
        """Drop all lineages; blocks that are lost from now on stay lost. Call it before closing the directory."""
        self._closed.set()
        with self._lock:
            self._kept.clear()
        self._end_unneeded_agents()

    def needs(self, agent: Agent) -> bool:
        """Ray recomputes a block by calling the agent that stored it."""
        with self._lock:
            return agent in self._followed and any(agent.key in lineage.row_ranges for lineage in self._kept.values())

    def agent_joined(self, agent: Agent) -> None:
        """Nothing to do: a new agent has stored nothing yet."""

    def agent_lost(self, agent: Agent) -> None:
        """Nothing to do: the agent's next process requests the lost blocks."""

    def _await_request(self, agent: Agent) -> None:
        call = agent.handle.await_recompute_request.remote()
        agent.pending_calls.append(call)
        call.future().add_done_callback(functools.partial(self._take_request, agent))

    def _take_request(self, agent: Agent, over: Any) -> None:
        """Called in a thread of Ray's, which must not be blocked."""
        if over.exception() is not None or over.result() is None:
            with self._lock:
                if agent in self._followed:
                    self._followed.remove(agent)
            return
        arguments = (agent, over.result())
        threading.Thread(target=self._answer_request, args=arguments, name="raydp-recompute", daemon=True).start()

    def _answer_request(self, agent: Agent, export_id: int) -> None:
        self._await_request(agent)
        with self._lock:
            lineage = self._kept.get(export_id)
        answer: list[RecomputedBlock] | str = []
        if lineage is not None:
            lost = lineage.row_ranges.get(agent.key, [])
            _logger.warning(
                "Blocks were lost, probably with a node; Spark recomputes them: export %d, %d blocks",
                export_id,
                len(lost),
            )
            try:
                with lineage.lock:
                    answer = self._recompute(lineage, lost)
            except Exception as error:  # the reader of the blocks gets it
                answer = f"Blocks that were lost with a node could not be recomputed: {error}"
                _logger.warning("%s", answer)
        try:
            delivered = agent.handle.answer_recompute_request.remote(export_id, answer)
            ray.get(delivered, timeout=self._context.waits.control)
        except ray.exceptions.RayError as error:  # the agent was lost as well; its next process sends a new request
            _logger.info("An agent did not accept recomputed blocks: %s", error)

    def _recompute(self, lineage: Lineage, lost: list[RowRange | None]) -> list[RecomputedBlock]:
        partitions = sorted({rows.partition for rows in lost if rows is not None})
        plan = ExportPlan(
            purpose="recompute lost blocks",
            spark=lineage.spark,
            form=lineage.form,
            keep_lineage=False,
            run_spark_job=lambda export_id: self._context.jvm.recompute(lineage.export_id, export_id, partitions),
        )
        exported = export_with_retries(self._context, plan)
        found = dict(zip(partitions, exported.partitions, strict=True))
        for partition, blocks in found.items():
            rows, expected = sum(block.rows for block in blocks), lineage.partition_rows[partition]
            if rows != expected:
                raise ExchangeError(
                    f"The DataFrame gives different rows each time it is computed, or its input has changed. Cache "
                    f"it, or write it to storage, before the conversion. Partition {partition}, rows: {rows}, "
                    f"before: {expected}"
                )
        return [
            RecomputedBlock([]) if rows is None else recomputed_block(rows, found[rows.partition], exported)
            for rows in lost
        ]

    def _prune(self) -> None:
        while not self._closed.wait(_PRUNE_SECONDS):
            with self._lock:
                kept = list(self._kept.values())
            alive = referenced(itertools.chain.from_iterable(lineage.blocks for lineage in kept))
            for lineage in kept:
                if not lineage.blocks & alive:
                    self._forget(lineage)

    def _forget(self, lineage: Lineage) -> None:
        with self._lock:
            self._kept.pop(lineage.export_id, None)
        try:
            self._context.jvm.forget_lineage(lineage.export_id)
        except ExchangeError as error:
            _logger.info("The plan of an export ended with the JVM: %s", error)
        self._end_unneeded_agents()

    def _end_unneeded_agents(self) -> None:
        """End processes that replaced lost agents and that nothing will call."""
        running = self._directory.agents()
        with self._lock:
            followed = list(self._followed)
        self._directory.end([agent for agent in followed if agent not in running and not self._directory.needs(agent)])


def recomputed_block(rows: RowRange, blocks: list[BlockOfPartition], exported: ExportedBlocks) -> RecomputedBlock:
    """Return where the rows of a lost block are now: Spark may have divided the partition into other blocks.

    Args:
        rows: The rows of the lost block.
        blocks: The recomputed blocks of the partition.
        exported: The export that recomputed them.
    """
    slices = []
    first_row = 0
    for block in blocks:
        start = max(rows.first_row, first_row)
        end = min(rows.first_row + rows.rows, first_row + block.rows)
        if start < end:
            slices.append(BlockSlice(exported.ref(block), start - first_row, end - start))
        first_row += block.rows
    return RecomputedBlock(slices)
