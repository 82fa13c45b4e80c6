"""Columns of categories: the values that they had in training, and how these become columns of the feature matrix."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raydp.errors import InvalidDataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MAX_CATEGORIES", "Encoding", "Vocabulary", "make_vocabulary"]

MAX_CATEGORIES = 100_000
"""The greatest number of categories of a column. Distinct values are collected up to one more than this."""

Encoding = Literal["positions", "codes", "one_hot"]
"""How a category becomes numbers, and what stands for a value that is missing, or that training did not have.

``positions``: 0, 1, … and NaN, as boosted trees take them. ``codes``: 1, 2, … and 0, as embeddings take them.
``one_hot``: a column with 0 or 1 for each category; all of them are 0.
"""


@dataclass(frozen=True, repr=False)
class Vocabulary:
    """The categories of a column.

    Attributes:
        values: The values that the column had in training, sorted.
        encoding: How they become columns of the feature matrix.
    """

    values: pa.Array
    encoding: Encoding

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        # Checkpoints are found by this description, so it must tell any two vocabularies apart.
        digest = hashlib.sha256(repr(self.values.to_pylist()).encode()).hexdigest()[:16]
        return f"Vocabulary({len(self)} {self.encoding}, {digest})"

    @property
    def width(self) -> int:
        """How many columns of the feature matrix the column becomes."""
        return len(self) if self.encoding == "one_hot" else 1

    def find_positions(self, column: pa.ChunkedArray) -> NDArray[np.int64]:
        """Return the position of each value in the vocabulary; -1: it is missing, or training did not have it."""
        found = pc.index_in(*_with_one_type(column, self.values))
        return np.asarray(pc.fill_null(found, -1).to_numpy(), dtype=np.int64)

    def write(self, column: pa.ChunkedArray, matrix: NDArray[Any]) -> None:
        """Write a column into its part of the feature matrix, shape (rows, :attr:`width`)."""
        positions = self.find_positions(column)
        if self.encoding == "one_hot":
            matrix[:] = positions[:, None] == np.arange(len(self))
        elif self.encoding == "codes":
            matrix[:, 0] = positions + 1
        else:
            matrix[:, 0] = np.where(positions < 0, np.nan, positions)


def make_vocabulary(values: set[Any], type_: pa.DataType, column: str, encoding: Encoding) -> Vocabulary:
    """Return the vocabulary of a column.

    Args:
        values: Its distinct values, at most one more than a column may have.
        type_: Their Arrow type.
        column: Name of the column.
        encoding: How they become columns of the feature matrix.

    Raises:
        InvalidDataError: There are too many values, or none.
    """
    if len(values) > MAX_CATEGORIES:
        raise InvalidDataError(
            "A column of categories has too many different values; is it an identifier or a text? Leave it out with "
            "feature_columns, or derive features from it first (FeatureHasher, Word2Vec). "
            f"Column {column}: more than {MAX_CATEGORIES} values"
        )
    if not values:
        raise InvalidDataError(
            "A column of categories has only nulls, so there is nothing to learn from it. Leave it out with "
            f"feature_columns. Column: {column}"
        )
    return Vocabulary(pa.array(sorted(values), type_), encoding)


def _with_one_type(column: pa.ChunkedArray, values: pa.Array) -> tuple[pa.ChunkedArray, pa.Array]:
    """Return a column and values in one type, so that they can be compared. Texts are not copied."""
    if column.type == values.type and not pa.types.is_floating(values.type):
        return column, values
    if pa.types.is_null(column.type):
        return column.cast(values.type), values
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return column, values.cast(column.type)
    doubles = (one.cast(pa.float64(), safe=False) for one in (column, values))
    column, values = (pc.add(one, 0.0) for one in doubles)  # -0.0 becomes 0.0
    return column, values
