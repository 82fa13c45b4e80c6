"""``raydp.utils.divide_blocks``: every rank gets the same number of rows, from at least one block."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import raydp.utils
from raydp.errors import InvalidArgumentError


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(1, 8), st.booleans(), st.integers(0, 99))
def test_ranks_get_equal_shares(blocks: list[int], world: int, shuffle: bool, seed: int) -> None:
    if len(blocks) < world:
        with pytest.raises(InvalidArgumentError, match="not enough blocks"):
            raydp.utils.divide_blocks(blocks, world, shuffle, seed)
        return
    shares = raydp.utils.divide_blocks(blocks, world, shuffle, seed)
    assert set(shares) == set(range(world))
    assert {sum(rows for _, rows in share) for share in shares.values()} == {-(-sum(blocks) // world)}
    assert all(0 < rows <= blocks[index] for share in shares.values() for index, rows in share)
    assert shares == raydp.utils.divide_blocks(blocks, world, shuffle, seed)


@given(st.integers(1, 8), st.integers(1, 5), st.integers(1, 9))
def test_equal_blocks_are_all_used_once(world: int, each: int, rows: int) -> None:
    shares = raydp.utils.divide_blocks([rows] * (world * each), world)
    used = sorted(index for share in shares.values() for index, _ in share)
    assert used == list(range(world * each))


@pytest.mark.promised("divide_blocks", "InvalidArgumentError")
def test_no_rows() -> None:
    with pytest.raises(InvalidArgumentError, match="no rows"):
        raydp.utils.divide_blocks([0, 0], 2)
