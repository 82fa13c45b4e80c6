"""An agent's half of making lost blocks again; :mod:`.lineage` is the driver's."""

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

__all__ = ["LostBlock", "Piece", "Rebuilds"]


@dataclass(frozen=True)
class Piece:
    """Rows of a block that was made again."""

    ref: ObjectRef[Any]
    first_row: int
    rows: int


@dataclass(frozen=True)
class LostBlock:
    """The rows of a lost block, in order; without pieces, one that nobody needs."""

    pieces: list[Piece]

    def table(self) -> pa.Table | None:
        """Return the block; a copy is only made where it is no block of its own any more."""
        if not self.pieces:
            return None
        tables = [ray.get(piece.ref).slice(piece.first_row, piece.rows) for piece in self.pieces]
        return pa.concat_tables(tables).combine_chunks() if len(tables) > 1 else tables[0]


class Rebuilds:
    """Joins the streams that Ray calls once more with the driver, which has their blocks made; for any thread."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._answers: dict[int, queue.SimpleQueue[list[LostBlock] | str]] = {}

    def blocks(self, conversion: int) -> Iterator[pa.Table | None]:
        """Ask for the blocks of a conversion and yield them.

        Raises:
            ExchangeError: They cannot be made again.
        """
        with self._lock:
            answers = self._answers.setdefault(conversion, queue.SimpleQueue())
        self._asked.put(conversion)
        # As long as Spark works on it. When the driver ends, so does this process.
        answer = answers.get()
        if isinstance(answer, str):
            raise ExchangeError(answer)
        for block in answer:
            yield block.table()

    def await_asked(self) -> int | None:
        """Return the next conversion that is asked for, however long that takes; ``None`` after :meth:`close`."""
        return self._asked.get()

    def answer(self, conversion: int, blocks: list[LostBlock] | str) -> None:
        """Give the blocks of a conversion, or the reason why there are none."""
        with self._lock:
            answers = self._answers.pop(conversion, None)
        if answers is not None:
            answers.put(blocks)

    def close(self) -> None:
        """End everything that waits."""
        with self._lock:
            waiting, self._answers = self._answers, {}
        for answers in waiting.values():
            answers.put("Spark has ended, so that its blocks cannot be made again")
        self._asked.put(None)
