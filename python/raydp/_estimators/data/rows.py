"""Rows of an Arrow table as the arrays that frameworks train on: features, labels and weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from raydp._estimators.data.matrices import build_feature_matrix, to_numbers
from raydp._estimators.data.missing import find_incomplete_rows
from raydp._estimators.data.pandas_features import build_feature_frame

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout

__all__ = ["Rows", "build_features", "concatenate_rows", "extract_rows"]


@dataclass(frozen=True)
class Rows:
    """Rows as arrays.

    Attributes:
        features: Shape (rows, width), float32 unless another type was requested; or a pandas frame.
        labels: float64, shape (rows,). Classes are 0, 1, …; ``None`` if there is no label.
        weights: float64, shape (rows,), or ``None``.
    """

    features: Any
    labels: NDArray[np.float64] | None
    weights: NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.features)

    def select(self, which: Any) -> Rows:
        """Return some of the rows.

        Args:
            which: A slice, a mask of booleans, or positions.
        """
        return Rows(
            self.features[which] if isinstance(self.features, np.ndarray) else self.features.iloc[which],
            None if self.labels is None else self.labels[which],
            None if self.weights is None else self.weights[which],
        )


def extract_rows(
    table: pa.Table,
    layout: Layout,
    classes: Classes | None,
    configuration: Configuration,
    dtype: type[np.floating[Any]] = np.float32,
) -> Rows:
    """Return a table's rows as arrays, without those that ``nulls="drop"`` drops.

    Args:
        table: Contains the layout's columns, as :func:`~.plain_columns.read_plain_columns` returns them.
        layout: The columns.
        classes: The classes; ``None`` for a regression.
        configuration: The policy for nulls.
        dtype: Type of the features.

    Raises:
        InvalidDataError: An array has a different length than in training, or a label is not one of the classes.
    """
    features = build_features(table, layout, configuration, dtype)
    labels = weights = None
    if layout.label is not None:
        column = table.column(layout.label)
        labels = to_numbers(column) if classes is None else classes.encode(column)
    if layout.weight is not None:
        weights = to_numbers(table.column(layout.weight))
    rows = Rows(features, labels, weights)
    if configuration.nulls == "drop" and (incomplete := find_incomplete_rows(table, layout.features)).any():
        return rows.select(~incomplete)
    return rows


def build_features(
    table: pa.Table, layout: Layout, configuration: Configuration, dtype: type[np.floating[Any]] = np.float32
) -> Any:
    """Return the features of all rows of a table, as the framework takes them: a matrix or a pandas frame.

    Args:
        table: Contains the feature columns, as :func:`~.plain_columns.read_plain_columns` returns them.
        layout: The columns.
        configuration: The policy for nulls.
        dtype: Type of the matrix.

    Raises:
        InvalidDataError: An array has a different length than in training.
    """
    if layout.as_frame:
        return build_feature_frame(table, layout, fill=configuration.null_fill)
    return build_feature_matrix(
        table,
        layout.features,
        layout.widths,
        fill=configuration.null_fill,
        dtype=dtype,
        vocabularies=layout.vocabularies,
    )


def concatenate_rows(parts: list[Rows], width: int, dtype: type[np.floating[Any]] = np.float32) -> Rows:
    """Return the rows of all parts, in order.

    Args:
        parts: Any number of them, also none.
        width: Columns of the feature matrix, needed if there are no parts.
        dtype: Type of the features, needed if there are no parts.
    """
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Rows(np.empty((0, width), dtype), np.empty(0), None)

    def concatenate(arrays: list[NDArray[Any] | None]) -> NDArray[Any] | None:
        found = [array for array in arrays if array is not None]
        return np.concatenate(found) if found else None

    return Rows(
        _concatenate_features([rows.features for rows in parts]),
        concatenate([rows.labels for rows in parts]),
        concatenate([rows.weights for rows in parts]),
    )


def _concatenate_features(parts: list[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    import pandas as pd

    return pd.concat(parts, ignore_index=True)
