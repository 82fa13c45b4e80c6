"""Batches of a shard's rows, in order or shuffled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raydp._estimators.data.rows import Rows, concatenate_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from raydp._estimators.data.shards import Shard
    from raydp._estimators.frameworks.worker import TrainingWorker

__all__ = ["iterate_batches"]


def iterate_batches(
    worker: TrainingWorker,
    shard: Shard,
    dtype: type[np.floating[Any]],
    size: int,
    shuffler: np.random.Generator | None,
    *,
    drop_last: bool,
) -> Iterator[Rows]:
    """Yield batches of equal size. A batch may span blocks, and the last batch may be smaller.

    Only one block and the rest of the previous one are in memory at a time.

    Args:
        worker: The worker that trains.
        shard: The rows.
        dtype: Type of the features.
        size: Number of rows in a batch.
        shuffler: Shuffles the blocks and the rows within each block; ``None``: keep the order.
        drop_last: Leave out the last batch if it is smaller.
    """
    rest: Rows | None = None
    for table in shard.tables(None if shuffler is None else shuffler.permutation(len(shard.pieces)).tolist()):
        rows = worker.extract_rows(table, dtype)
        if shuffler is not None:
            rows = rows.select(shuffler.permutation(len(rows)))
        if rest is not None:
            rows = concatenate_rows([rest, rows], worker.layout.width, dtype)
        whole = len(rows) // size * size
        for start in range(0, whole, size):
            yield rows.select(slice(start, start + size))
        rest = rows.select(slice(whole, None))
    if rest is not None and len(rest) and not drop_last:
        yield rest
