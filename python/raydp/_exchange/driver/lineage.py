"""Blocks that were lost with a node are made again by Spark, for as long as its application lives.

Ray asks for it: when a block is lost that something refers to, it calls the agent's streaming method once more with
the same arguments, on a new process of the agent, by now perhaps on another node. That process asks here, Spark
computes the partitions in question again, and the stream yields the same rows at the same positions.
"""

from __future__ import annotations

import functools
import itertools
import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray

from raydp._exchange.agent.rebuilds import LostBlock, Piece
from raydp._exchange.driver.export import AgentDiedError, Export, Exported, numbers
from raydp._ray.internals import referenced
from raydp.errors import ExchangeError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from raydp._exchange.driver.directory import Agent, AgentDirectory
    from raydp._exchange.driver.driver_jvm import BlockOfPartition, DriverJvm
    from raydp._exchange.types.tensor_columns import BlockForm

__all__ = ["Lineage", "Lineages", "lost_block"]

_logger = logging.getLogger(__name__)
_MOST_ATTEMPTS = 3
_CONTROL_SECONDS = 60.0
# How often it is looked whether anything still refers to the blocks of a conversion.
_PRUNE_SECONDS = 15.0


@dataclass(frozen=True)
class Place:
    """Which rows of a DataFrame a block holds."""

    partition: int
    first_row: int
    rows: int


@dataclass(frozen=True)
class Lineage:
    """Where the blocks of a conversion came from.

    Attributes:
        number: Number of the conversion, under which the JVM keeps its plan.
        form: What the blocks look like.
        spark: The session.
        places: What the blocks hold, by the node and the position in its agent's stream; ``None``: of no use.
        partition_rows: Rows of each partition.
        blocks: Ids of the blocks, hex.
    """

    number: int
    form: BlockForm
    spark: SparkSession
    places: dict[str, list[Place | None]]
    partition_rows: list[int]
    blocks: frozenset[str]
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, number: int, spark: SparkSession, exported: Exported) -> Lineage:
        """Return the lineage of what was exported."""
        nodes = {block.node for blocks in exported.partitions for block in blocks}
        places: dict[str, list[Place | None]] = {node: [None] * exported.stream_length(node) for node in nodes}
        for partition, blocks in enumerate(exported.partitions):
            first_row = 0
            for block in blocks:
                places[block.node][block.index] = Place(partition, first_row, block.rows)
                first_row += block.rows
        rows = [sum(block.rows for block in blocks) for blocks in exported.partitions]
        ids = frozenset(exported.ref(block).hex() for blocks in exported.partitions for block in blocks)
        return cls(number, exported.form, spark, places, rows, ids)


class Lineages:
    """The lineages of all conversions whose blocks are referred to; safe for any thread.

    Args:
        directory: The agents.
        jvm: The driver's JVM.
        timeout: Seconds without any progress after which an agent is given up.
    """

    def __init__(self, directory: AgentDirectory, jvm: DriverJvm, timeout: float) -> None:
        self._directory = directory
        self._jvm = jvm
        self._timeout = timeout
        self._lock = threading.Lock()
        self._kept: dict[int, Lineage] = {}
        self._followed: list[Agent] = []
        self._closed = threading.Event()
        self._pruning: threading.Thread | None = None

    def keep(self, lineage: Lineage, agents: list[Agent]) -> None:
        """Keep a lineage until nothing refers to its blocks any more."""
        with self._lock:
            self._kept[lineage.number] = lineage
            new = [agent for agent in agents if agent.key in lineage.places and agent not in self._followed]
            self._followed += new
            if self._pruning is None:
                self._pruning = threading.Thread(target=self._prune, name="raydp-lineages", daemon=True)
                self._pruning.start()
        self._directory.add(self)
        for agent in new:
            self._follow(agent)

    def count(self) -> int:
        """Return how many lineages are kept."""
        with self._lock:
            return len(self._kept)

    def close(self) -> None:
        """Forget all; blocks that are lost from now on stay lost. To be called before the directory is closed."""
        self._closed.set()
        with self._lock:
            self._kept.clear()
        self._end_unneeded()

    def needs(self, agent: Agent) -> bool:
        """Only the agent that stored a block can be called for it once more."""
        with self._lock:
            return agent in self._followed and any(agent.key in lineage.places for lineage in self._kept.values())

    def agent_joined(self, agent: Agent) -> None:
        """Nothing to do: it has stored nothing yet."""

    def agent_lost(self, agent: Agent) -> None:
        """Nothing to do: its next process asks for what was lost."""

    def _follow(self, agent: Agent) -> None:
        call = agent.handle.await_rebuild.remote()
        agent.lasting.append(call)
        call.future().add_done_callback(functools.partial(self._asked, agent))

    def _asked(self, agent: Agent, over: Any) -> None:
        """Called in a thread of Ray's, which must not be kept."""
        if over.exception() is not None or over.result() is None:
            with self._lock:
                if agent in self._followed:
                    self._followed.remove(agent)
            return
        arguments = (agent, over.result())
        threading.Thread(target=self._answer, args=arguments, name="raydp-rebuild", daemon=True).start()

    def _answer(self, agent: Agent, number: int) -> None:
        self._follow(agent)
        with self._lock:
            lineage = self._kept.get(number)
        answer: list[LostBlock] | str = []
        if lineage is not None:
            lost = lineage.places.get(agent.key, [])
            _logger.warning(
                "Blocks were lost, with a node it seems, and are made again by Spark: conversion %d, %d blocks",
                number,
                len(lost),
            )
            try:
                with lineage.lock:
                    answer = self._made_again(lineage, lost)
            except Exception as error:  # whoever waits for the blocks gets it
                answer = f"Blocks that were lost with a node could not be made again: {error}"
                _logger.warning("%s", answer)
        try:
            ray.get(agent.handle.rebuilt.remote(number, answer), timeout=_CONTROL_SECONDS)
        except ray.exceptions.RayError as error:  # lost as well: its next process asks anew
            _logger.info("An agent could not take the blocks that were made again: %s", error)

    def _made_again(self, lineage: Lineage, lost: list[Place | None]) -> list[LostBlock]:
        partitions = sorted({place.partition for place in lost if place is not None})
        exported = self._export(lineage, partitions)
        found = dict(zip(partitions, exported.partitions, strict=True))
        for partition, blocks in found.items():
            rows, expected = sum(block.rows for block in blocks), lineage.partition_rows[partition]
            if rows != expected:
                raise ExchangeError(
                    f"The DataFrame gives other rows each time that it is computed, or what it reads has changed. "
                    f"Cache it or write it to storage before its conversion. Partition {partition}, rows: {rows}, "
                    f"before: {expected}"
                )
        return [
            LostBlock([]) if place is None else lost_block(place, found[place.partition], exported) for place in lost
        ]

    def _export(self, lineage: Lineage, partitions: list[int]) -> Exported:
        for attempt in itertools.count(1):
            number = next(numbers)
            export = Export(number, lineage.form, lineage.spark, recoverable=False)
            repeat = functools.partial(self._jvm.repeat_export, lineage.number, number, partitions)
            try:
                return export.run(repeat, self._directory, self._jvm, self._timeout, progress=False)
            except AgentDiedError:
                if attempt == _MOST_ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

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
            self._kept.pop(lineage.number, None)
        try:
            self._jvm.forget_export(lineage.number)
        except ExchangeError as error:
            _logger.info("The plan of a conversion went with the JVM: %s", error)
        self._end_unneeded()

    def _end_unneeded(self) -> None:
        """End processes that replaced lost agents and will not be called any more."""
        running = self._directory.agents()
        with self._lock:
            followed = list(self._followed)
        self._directory.end([agent for agent in followed if agent not in running and not self._directory.needs(agent)])


def lost_block(place: Place, blocks: list[BlockOfPartition], exported: Exported) -> LostBlock:
    """Return where the rows of a block are now: the limits between blocks may have moved."""
    pieces = []
    first_row = 0
    for block in blocks:
        start = max(place.first_row, first_row)
        end = min(place.first_row + place.rows, first_row + block.rows)
        if start < end:
            pieces.append(Piece(exported.ref(block), start - first_row, end - start))
        first_row += block.rows
    return LostBlock(pieces)
