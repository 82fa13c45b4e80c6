"""Arrow columns as the arrays that frameworks take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raydp._estimators.data.layout import is_list, stored_type
from raydp.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["complete_rows", "feature_matrix", "numbers", "stored"]


def stored(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as it is stored: tensors as lists."""
    if not isinstance(column.type, pa.BaseExtensionType):
        return column
    return pa.chunked_array([chunk.storage for chunk in column.chunks], type=stored_type(column.type))


def numbers(column: pa.ChunkedArray, dtype: type[np.floating[Any]] = np.float64) -> NDArray[Any]:
    """Return a column of numbers, booleans or decimals as an array; nulls become NaN."""
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.uint8())
    elif pa.types.is_decimal(column.type) or pa.types.is_null(column.type):
        column = pc.cast(column, pa.float64())
    return np.asarray(column.to_numpy(), dtype=dtype)


def feature_matrix(
    table: pa.Table,
    features: Sequence[str],
    widths: Sequence[int],
    *,
    fill: float | None = None,
    dtype: type[np.floating[Any]] = np.float32,
) -> NDArray[Any]:
    """Return features as a matrix of shape (rows, sum of widths), C order.

    Args:
        table: Has the features among its columns.
        features: Their names, in the order of the matrix.
        widths: How many columns of the matrix each takes.
        fill: What nulls and NaN become; ``None``: NaN.
        dtype: Type of the matrix.

    Raises:
        InvalidDataError: An array has another length than the model was trained with.
    """
    matrix = np.empty((table.num_rows, sum(widths)), dtype)
    start = 0
    for name, width in zip(features, widths, strict=True):
        column = stored(table.column(name))
        if is_list(column.type):
            matrix[:, start : start + width] = _elements(column, name, width)
        else:
            matrix[:, start] = numbers(column)
        start += width
    if fill is not None:
        matrix[np.isnan(matrix)] = fill
    return matrix


def complete_rows(matrix: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell of each row of a feature matrix whether nothing in it is missing."""
    return np.asarray(~np.isnan(matrix).any(axis=1))


def _elements(column: pa.ChunkedArray, name: str, width: int) -> NDArray[Any]:
    lengths = pc.list_value_length(column)
    other = pc.unique(lengths.filter(pc.not_equal(lengths, width))).to_pylist()
    if other:
        raise InvalidDataError(
            "All arrays of a feature column must have the length that the model was trained with. "
            f"Column {name}: trained with {width}, found {sorted(other)[:5]}"
        )
    values = numbers(pa.chunked_array([chunk.flatten() for chunk in column.chunks], type=column.type.value_type))
    rows = np.asarray(pc.is_valid(column).to_numpy(), dtype=bool)
    if rows.all():
        return values.reshape(-1, width)
    found = np.full((len(column), width), np.nan)
    found[rows] = values.reshape(-1, width)
    return found
