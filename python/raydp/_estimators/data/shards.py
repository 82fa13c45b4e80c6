"""Which rows each training worker reads: a contiguous share, the same in every attempt."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import ray

from raydp._estimators.data.plain_columns import read_plain_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Shard", "split_rows"]


@dataclass(frozen=True)
class Shard:
    """The rows of one worker.

    Attributes:
        pieces: The blocks to read, each with the first row and the number of rows to take.
        columns: The columns to read.
    """

    pieces: tuple[tuple[ray.ObjectRef[Any], int, int], ...]
    columns: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(count for _, _, count in self.pieces)

    def tables(self, order: Sequence[int] | None = None) -> Iterator[pa.Table]:
        """Yield the rows as one table per block. Blocks on this node are not copied.

        Args:
            order: Positions of the blocks, in the order to read them; ``None``: as they are.
        """
        pieces = list(self.pieces) if order is None else [self.pieces[index] for index in order]
        for index, (ref, start, count) in enumerate(pieces):
            if index + 1 < len(pieces):  # fetch the next block while this one is used
                ray.wait([pieces[index + 1][0]], timeout=0, fetch_local=True)
            yield read_plain_columns(ray.get(ref), self.columns).slice(start, count)


def split_rows(
    refs: Sequence[ray.ObjectRef[Any]],
    rows: Sequence[int],
    columns: Sequence[str],
    count: int,
    dropped: Sequence[NDArray[np.bool_] | None] | None = None,
) -> list[Shard]:
    """Split rows into contiguous shards whose numbers of rows differ by at most one, apart from dropped rows.

    Args:
        refs: The blocks.
        rows: Number of rows of each block.
        columns: The columns that the workers read.
        count: Number of shards.
        dropped: Which rows of each block the workers will drop; ``None``: none.
    """
    kept = [None if mask is None else np.flatnonzero(~mask) for mask in dropped or [None] * len(rows)]
    lengths = [length if places is None else len(places) for length, places in zip(rows, kept, strict=True)]
    total = sum(lengths)
    bounds = [total * index // count for index in range(count + 1)]
    shards = []
    for low, high in itertools.pairwise(bounds):
        pieces, first = [], 0
        for ref, length, places in zip(refs, lengths, kept, strict=True):
            start, stop = max(low - first, 0), min(high - first, length)
            if start < stop and places is not None:
                start_row, end_row = int(places[start]), int(places[stop - 1]) + 1
                pieces.append((ref, start_row, end_row - start_row))
            elif start < stop:
                pieces.append((ref, start, stop - start))
            first += length
        shards.append(Shard(tuple(pieces), tuple(columns)))
    return shards
