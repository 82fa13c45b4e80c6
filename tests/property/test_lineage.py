"""Recomputed blocks hold the rows of the lost blocks, even if Spark divides partitions differently. No cluster."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from raydp._exchange.driver.driver_calls import BlockOfPartition
from raydp._exchange.driver.export_job import ExportedBlocks
from raydp._exchange.driver.lineages import Lineage, recomputed_block
from raydp._exchange.types.tensor_columns import BlockForm

SIZES = st.lists(st.integers(1, 9), max_size=6)


class Reference:
    """Stands for a reference to a block: the rows that are in it."""

    def __init__(self, rows: range) -> None:
        self.rows = rows

    def hex(self) -> str:
        return f"{self.rows}"


def exported(sizes_of_partitions: list[list[int]], start: int, gap: int) -> ExportedBlocks:
    """Blocks of some sizes per partition, with positions of failed attempts between them."""
    partitions: list[list[BlockOfPartition]] = []
    refs: dict[Any, Any] = {}
    index = 0
    for number, sizes in enumerate(sizes_of_partitions):
        blocks = []
        for size, end in zip(sizes, accumulate(sizes), strict=True):
            for _ in range(gap):
                refs["node", index] = Reference(range(0))
                index += 1
            blocks.append(BlockOfPartition("node", index, size, 8 * size))
            refs["node", index] = Reference(range(start + 1000 * number + end - size, start + 1000 * number + end))
            index += 1
        partitions.append(blocks)
    return ExportedBlocks(1, partitions, refs, [], BlockForm(pa.schema([]), (), None))


@given(st.lists(st.tuples(SIZES, st.randoms()), min_size=1, max_size=4), st.integers(0, 2), st.integers(0, 2))
def test_rows_come_back_at_their_positions(partitions: list[tuple[list[int], Any]], gap: int, new_gap: int) -> None:
    first = exported([sizes for sizes, _ in partitions], 0, gap)
    lineage = Lineage.of(first, Any)  # type: ignore[arg-type]
    new_sizes = []
    for sizes, random in partitions:
        cuts = sorted({random.randint(0, sum(sizes)) for _ in range(3)} | {0, sum(sizes)})
        new_sizes.append([end - begin for begin, end in pairwise(cuts)])
    again = exported(new_sizes, 0, new_gap)
    places = lineage.row_ranges.get("node", [])
    assert len(places) == (first.stream_length("node") if any(sizes for sizes, _ in partitions) else 0)
    for index, place in enumerate(places):
        if place is None:
            continue
        pieces = recomputed_block(place, again.partitions[place.partition], again).slices
        rows = [row for piece in pieces for row in piece.ref.rows[piece.first_row : piece.first_row + piece.rows]]  # type: ignore[attr-defined]
        assert rows == list(first.refs["node", index].rows)  # type: ignore[attr-defined]
