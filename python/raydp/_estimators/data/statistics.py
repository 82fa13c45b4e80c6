"""One pass over the blocks that collects what must be known about the rows before workers start."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raydp._estimators.data.block_tasks import map_blocks
from raydp._estimators.data.layout import is_list
from raydp._estimators.data.matrices import to_numbers
from raydp._estimators.data.missing import find_missing
from raydp._estimators.data.plain_columns import read_plain_columns
from raydp._estimators.data.vocabulary import MAX_CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from raydp._estimators.data.frames import StoredBlocks

__all__ = ["MAX_CLASSES", "NumberTypes", "Statistics", "collect_statistics"]

MAX_CLASSES = 10_000
"""The greatest number of classes. Distinct labels are collected up to one more than this."""


@dataclass(frozen=True)
class NumberTypes:
    """The types in which a framework learns from numbers. Greater numbers are infinite for it.

    Attributes:
        features: Type of the features.
        labels: Type of labels that are not classes, and of weights.
    """

    features: type[np.floating[Any]] = np.float64
    labels: type[np.floating[Any]] = np.float64


@dataclass
class Statistics:
    """What is known about some rows.

    Attributes:
        rows: Number of rows of each block.
        missing: Number of rows with a null or NaN, for each feature column that has some.
        infinite: Number of values that are infinite for the framework, for each feature column that has some.
        incomplete: Number of rows with a null or NaN in any feature, of each block.
        dropped: Which rows of each block ``nulls="drop"`` drops; ``None``: none.
        lengths: Length of the shortest and the longest array, for each feature column of arrays.
        values: The distinct values of each column for which they were collected: of the label at most
            ``MAX_CLASSES`` + 1, of a feature at most ``MAX_CATEGORIES`` + 1 per block.
        missing_labels: Number of labels that are null, NaN or infinite for the framework.
        invalid_weights: Number of weights that are null, NaN, negative or infinite for the framework.
        weighted_rows: Number of rows with a weight above 0 that are not dropped.
    """

    rows: list[int] = field(default_factory=list)
    missing: dict[str, int] = field(default_factory=dict)
    infinite: dict[str, int] = field(default_factory=dict)
    incomplete: list[int] = field(default_factory=list)
    dropped: list[NDArray[np.bool_] | None] = field(default_factory=list)
    lengths: dict[str, tuple[int, int]] = field(default_factory=dict)
    values: dict[str, set[Any]] = field(default_factory=dict)
    missing_labels: int = 0
    invalid_weights: int = 0
    weighted_rows: int = 0

    def add(self, other: Statistics) -> None:
        """Add the statistics of the blocks that follow."""
        self.rows += other.rows
        self.incomplete += other.incomplete
        self.dropped += other.dropped
        for mine, theirs in ((self.missing, other.missing), (self.infinite, other.infinite)):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count
        for name, (shortest, longest) in other.lengths.items():
            low, high = self.lengths.get(name, (shortest, longest))
            self.lengths[name] = (min(low, shortest), max(high, longest))
        for name, values in other.values.items():
            mine_values = self.values.setdefault(name, set())
            if len(mine_values) <= MAX_CATEGORIES:  # otherwise there are too many already
                mine_values |= values
        self.missing_labels += other.missing_labels
        self.invalid_weights += other.invalid_weights
        self.weighted_rows += other.weighted_rows


@dataclass(frozen=True)
class _Query:
    features: tuple[str, ...]
    label: str | None
    weight: str | None
    collected: frozenset[str]
    drop: bool
    types: NumberTypes

    @property
    def columns(self) -> list[str]:
        return [*self.features, *(name for name in (self.label, self.weight) if name is not None)]


def collect_statistics(
    blocks: StoredBlocks,
    features: Sequence[str],
    *,
    label: str | None,
    weight: str | None,
    collected: Collection[str] = (),
    drop: bool = False,
    types: NumberTypes = NumberTypes(),  # noqa: B008  (immutable)
) -> Statistics:
    """Read all rows once: in this process if they are small, otherwise in Ray tasks near the data.

    Args:
        blocks: The rows.
        features: The feature columns.
        label: The label column, or ``None``.
        weight: The weight column, or ``None``.
        collected: The columns of which to collect the distinct values.
        drop: Whether rows with a null or NaN in a feature are dropped.
        types: The types in which the framework learns.
    """
    query = _Query(tuple(features), label, weight, frozenset(collected), drop, types)
    total = Statistics(values={name: set() for name in collected})
    scan = functools.partial(_scan_block, query)
    for found in map_blocks(scan, blocks.refs, blocks.bytes, name="raydp: statistics of the rows"):
        total.add(found)
    return total


def _scan_block(query: _Query, block: object) -> Statistics:
    table = read_plain_columns(block, query.columns)
    found = Statistics(rows=[table.num_rows])
    incomplete = np.zeros(table.num_rows, dtype=bool)
    for name in query.features:
        column = table.column(name)
        if is_list(column.type):
            lengths = pc.min_max(pc.list_value_length(column))
            if lengths["min"].is_valid:
                found.lengths[name] = (lengths["min"].as_py(), lengths["max"].as_py())
        missing = find_missing(column)
        if missing is not None and missing.any():
            found.missing[name] = int(missing.sum())
            incomplete |= missing
        infinite = _count_infinite(column, query.types.features)
        if infinite:
            found.infinite[name] = infinite
        if name in query.collected:
            found.values[name] = _find_distinct(column, MAX_CATEGORIES)
    found.incomplete = [int(incomplete.sum())]
    found.dropped = [incomplete if query.drop and incomplete.any() else None]
    if query.label is not None:
        label = table.column(query.label)
        missing = find_missing(label)
        type_ = np.float64 if query.label in query.collected else query.types.labels
        found.missing_labels = (0 if missing is None else int(missing.sum())) + _count_infinite(label, type_)
        if query.label in query.collected:
            found.values[query.label] = _find_distinct(label, MAX_CLASSES)
    if query.weight is not None:
        with np.errstate(over="ignore"):
            weights = to_numbers(table.column(query.weight)).astype(query.types.labels)
        found.invalid_weights = int((~np.isfinite(weights) | (weights < 0)).sum())
        found.weighted_rows = int((weights[~incomplete] if query.drop else weights).astype(bool).sum())
    return found


def _find_distinct(column: pa.ChunkedArray, most: int) -> set[Any]:
    """Return the distinct values of a column without null and NaN, at most one more than ``most``."""
    values = pc.unique(column.drop_null())
    if pa.types.is_floating(values.type):
        values = values.filter(pc.invert(pc.is_nan(values)))
    return set(values[: most + 1].to_pylist())


def _count_infinite(column: pa.ChunkedArray, type_: type[np.floating[Any]]) -> int:
    """Return the number of values that are infinite in a type, also inside arrays."""
    if is_list(column.type):
        elements = [pa.chunked_array([chunk.flatten()]) for chunk in column.chunks]
        return sum(_count_infinite(one, type_) for one in elements)
    if not pa.types.is_floating(column.type):
        return 0
    with np.errstate(over="ignore"):
        return int(np.isinf(to_numbers(column).astype(type_)).sum())
