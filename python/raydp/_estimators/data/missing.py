"""Which rows have a null or NaN in a column, also inside arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raydp._estimators.data.layout import is_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["find_incomplete_rows", "find_missing"]


def find_incomplete_rows(table: pa.Table, columns: Sequence[str]) -> NDArray[np.bool_]:
    """Return for each row of a table whether it has a null or NaN in any of these columns, shape (rows,)."""
    incomplete = np.zeros(table.num_rows, dtype=bool)
    for name in columns:
        missing = find_missing(table.column(name))
        if missing is not None:
            incomplete |= missing
    return incomplete


def find_missing(column: pa.ChunkedArray) -> Any:
    """Return for each row whether it has a null or NaN; ``None``: no row has one."""
    if is_list(column.type):
        return _find_missing_in_arrays(column)
    if column.null_count == 0 and not pa.types.is_floating(column.type):
        return None
    return pc.is_null(column, nan_is_null=pa.types.is_floating(column.type)).to_numpy()


def _find_missing_in_arrays(column: pa.ChunkedArray) -> Any:
    missing = pc.is_null(column).to_numpy().copy()
    start = 0
    for chunk in column.chunks:
        elements = find_missing(pa.chunked_array([chunk.flatten()]))
        if elements is not None and elements.any():
            parents = pc.list_parent_indices(chunk).to_numpy()
            missing[start + np.unique(parents[elements])] = True
        start += len(chunk)
    return missing
