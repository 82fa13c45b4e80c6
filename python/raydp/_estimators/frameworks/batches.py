"""Batches of a shard, block by block, in order or shuffled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raydp._estimators.frameworks.learner import Rows, joined_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from raydp._estimators.data.shards import Shard
    from raydp._estimators.frameworks.learner import Part

__all__ = ["batches"]


def batches(
    part: Part,
    shard: Shard,
    dtype: type[np.floating[Any]],
    size: int,
    order: np.random.Generator | None,
    *,
    drop_last: bool,
) -> Iterator[Rows]:
    """Yield batches of equal size, the last one perhaps smaller; a batch may span blocks.

    Args:
        part: What the worker was given.
        shard: The rows.
        dtype: Type of the features.
        size: Rows of a batch.
        order: Shuffles blocks, and rows within each; ``None``: the rows as they are.
        drop_last: Leave out a last batch that is smaller.
    """
    rest: Rows | None = None
    for table in shard.tables(None if order is None else order.permutation(len(shard.pieces)).tolist()):
        rows = part.rows(table, dtype)
        if order is not None:
            rows = _taken(rows, order.permutation(len(rows.features)))
        if rest is not None:
            rows = joined_rows([rest, rows], part.layout.width, dtype)
        whole = len(rows.features) // size * size
        for start in range(0, whole, size):
            yield _taken(rows, slice(start, start + size))
        rest = _taken(rows, slice(whole, None))
    if rest is not None and len(rest.features) and not drop_last:
        yield rest


def _taken(rows: Rows, which: Any) -> Rows:
    return Rows(
        rows.features[which],
        None if rows.labels is None else rows.labels[which],
        None if rows.weights is None else rows.weights[which],
    )
