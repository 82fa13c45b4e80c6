"""The agent's half of recomputing lost blocks. The driver's half is :mod:`raydp._exchange.driver.lineages`."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray

from raydp.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ray import ObjectRef

__all__ = ["BlockSlice", "RecomputeRequests", "RecomputedBlock"]


@dataclass(frozen=True)
class BlockSlice:
    """Some rows of a block that Spark has recomputed."""

    ref: ObjectRef[Any]
    first_row: int
    rows: int


@dataclass(frozen=True)
class RecomputedBlock:
    """The rows of a lost block, in order. Without slices, it stands for a block that nothing refers to."""

    slices: list[BlockSlice]

    def table(self) -> pa.Table | None:
        """Return the block. Copies its rows only if they come from more than one recomputed block."""
        if not self.slices:
            return None
        tables = [ray.get(one.ref).slice(one.first_row, one.rows) for one in self.slices]
        return pa.concat_tables(tables).combine_chunks() if len(tables) > 1 else tables[0]


class RecomputeRequests:
    """Passes requests from the streams that Ray calls again to the driver, and its answers back; for any thread."""

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._answers: dict[int, queue.SimpleQueue[list[RecomputedBlock] | str]] = {}

    def blocks(self, export_id: int) -> Iterator[pa.Table | None]:
        """Request the blocks of an export, and yield them.

        Raises:
            ExchangeError: They cannot be recomputed.
        """
        with self._lock:
            answers = self._answers.setdefault(export_id, queue.SimpleQueue())
        self._requests.put(export_id)
        # Without a bound, because Spark's job may take any time. If the driver ends, so does this process.
        answer = answers.get()
        if isinstance(answer, str):
            raise ExchangeError(answer)
        for block in answer:
            yield block.table()

    def await_request(self) -> int | None:
        """Wait for the next request and return its export id; ``None`` after :meth:`close`."""
        return self._requests.get()

    def answer(self, export_id: int, blocks: list[RecomputedBlock] | str) -> None:
        """Deliver the blocks of an export, or the reason why there are none."""
        with self._lock:
            answers = self._answers.pop(export_id, None)
        if answers is not None:
            answers.put(blocks)

    def close(self) -> None:
        """End all waits."""
        with self._lock:
            waiting, self._answers = self._answers, {}
        for answers in waiting.values():
            answers.put("Spark has stopped, so its lost blocks cannot be recomputed")
        self._requests.put(None)
