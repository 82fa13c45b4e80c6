"""Arrow columns as NumPy arrays: one column as numbers, several as the feature matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raydp._estimators.data.layout import is_list
from raydp.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from raydp._estimators.data.vocabulary import Vocabulary

__all__ = ["build_feature_matrix", "flatten_arrays", "to_numbers"]


def to_numbers(column: pa.ChunkedArray, dtype: type[np.floating[Any]] = np.float64) -> NDArray[Any]:
    """Return a column of numbers, booleans or decimals as an array of shape (rows,). Nulls become NaN."""
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.uint8())
    elif pa.types.is_decimal(column.type) or pa.types.is_null(column.type):
        column = pc.cast(column, pa.float64())
    return np.asarray(column.to_numpy(), dtype=dtype)


def build_feature_matrix(
    table: pa.Table,
    features: Sequence[str],
    widths: Sequence[int],
    *,
    fill: float | None = None,
    dtype: type[np.floating[Any]] = np.float32,
    vocabularies: Mapping[str, Vocabulary] | None = None,
) -> NDArray[Any]:
    """Return the features as a matrix of shape (rows, sum of widths), in C order.

    Args:
        table: Contains the feature columns, as :func:`~.plain_columns.read_plain_columns` returns them.
        features: Names of the feature columns, in the order of the matrix.
        widths: How many columns of the matrix each feature becomes.
        fill: What replaces nulls and NaN of columns that are not categories; ``None``: nulls become NaN.
        dtype: Type of the matrix.
        vocabularies: Those of the columns that are categories, by name.

    Raises:
        InvalidDataError: An array has a different length than in training.
    """
    matrix = np.empty((table.num_rows, sum(widths)), dtype)
    start = 0
    for name, width in zip(features, widths, strict=True):
        column = table.column(name)
        part = matrix[:, start : start + width]
        start += width
        vocabulary = None if vocabularies is None else vocabularies.get(name)
        if vocabulary is not None:
            vocabulary.write(column, part)
            continue
        part[:] = flatten_arrays(column, name, width) if is_list(column.type) else to_numbers(column)[:, None]
        if fill is not None:
            part[np.isnan(part)] = fill
    return matrix


def flatten_arrays(column: pa.ChunkedArray, name: str, width: int) -> NDArray[Any]:
    """Return a column of arrays as a matrix of shape (rows, width). Null arrays become rows of NaN.

    Raises:
        InvalidDataError: An array has a different length than in training.
    """
    lengths = pc.list_value_length(column)
    other = pc.unique(lengths.filter(pc.not_equal(lengths, width))).to_pylist()
    if other:
        raise InvalidDataError(
            "All arrays of a feature column must have the same length as in training. "
            f"Column {name}: {width} in training, found: {sorted(other)[:5]}"
        )
    values = to_numbers(pa.chunked_array([chunk.flatten() for chunk in column.chunks], type=column.type.value_type))
    rows = np.asarray(pc.is_valid(column).to_numpy(), dtype=bool)
    if rows.all():
        return values.reshape(-1, width)
    found = np.full((len(column), width), np.nan)
    found[rows] = values.reshape(-1, width)
    return found
