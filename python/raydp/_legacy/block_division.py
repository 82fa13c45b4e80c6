"""Divides blocks among the workers of a training job. Each worker gets the same number of rows."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["divide_blocks"]


def divide_blocks(
    blocks: Sequence[int],
    world_size: int,
    shuffle: bool = False,  # noqa: FBT001, FBT002  (position and name as in RayDP 1.6)
    shuffle_seed: int | None = None,
) -> dict[int, list[tuple[int, int]]]:
    """Divide blocks among ranks: every rank gets ``ceil(rows / world_size)`` rows.

    The ranks get the same number of blocks, round robin. If a rank's blocks have too few rows, blocks are repeated
    from the start. The last block of a rank may be used only in part.

    Args:
        blocks: Number of rows of each block.
        world_size: Number of ranks, at least 1 and at most the number of blocks.
        shuffle: Shuffle the blocks before dividing them.
        shuffle_seed: Seed of the shuffle; 0 by default, which makes all ranks agree.

    Returns:
        For each rank, pairs of block index and number of rows to use of that block.

    Raises:
        InvalidArgumentError: There are fewer blocks than ranks, or no rows.
    """
    if world_size < 1 or len(blocks) < world_size:
        raise InvalidArgumentError(
            "There are not enough blocks to divide: each rank needs at least one. Repartition the data into more "
            f"blocks, or use fewer workers. Blocks: {len(blocks)}; world size: {world_size}"
        )
    total = sum(blocks)
    if total <= 0 or min(blocks) < 0:
        raise InvalidArgumentError(f"The blocks have no rows, or a negative number of rows: {list(blocks)[:20]}")
    order = list(range(len(blocks)))
    if shuffle:
        random.Random(shuffle_seed or 0).shuffle(order)
    rows_per_rank = -(-total // world_size)
    per_rank = -(-len(blocks) // world_size)
    padded = order + order[: per_rank * world_size - len(order)]
    return {rank: _take(blocks, padded[rank::world_size], order, rows_per_rank) for rank in range(world_size)}


def _take(blocks: Sequence[int], own: Sequence[int], order: Sequence[int], rows: int) -> list[tuple[int, int]]:
    taken: list[tuple[int, int]] = []
    position = 0
    while rows > 0:
        # If a rank's own blocks are too small, it continues with the first of all blocks.
        index = own[position] if position < len(own) else order[(position - len(own)) % len(order)]
        use = min(rows, blocks[index])
        if use > 0:
            taken.append((index, use))
        rows -= use
        position += 1
    return taken
