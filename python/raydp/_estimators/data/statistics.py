"""One pass over the blocks: what has to be known about the rows before workers are started."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray

from raydp._estimators.data.layout import is_list
from raydp._estimators.data.matrices import numbers, stored
from raydp._ray.internals import arrow_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raydp._estimators.data.inputs import Blocks

__all__ = ["MOST_CLASSES", "Statistics", "statistics_of"]

MOST_CLASSES = 10_000
"""More distinct labels than this are no classes; counting them stops there."""

_IN_PROCESS_BYTES = 64 * 1024**2
_BLOCKS_PER_TASK = 16
_TASK_SECONDS = 600.0


@dataclass
class Statistics:
    """About some rows.

    Attributes:
        rows: Number of rows of each block.
        missing: Nulls and NaN per feature column, where there are any.
        infinite: Infinite numbers per feature column, where there are any.
        incomplete: Rows of each block with something missing in a feature.
        lengths: Shortest and longest array of each column of arrays.
        labels: Distinct labels, at most one more than ``MOST_CLASSES``; ``None`` where they were not asked for.
        missing_labels: Nulls, NaN and infinite numbers among the labels.
        bad_weights: Weights that are null, NaN, infinite or below 0.
    """

    rows: list[int] = field(default_factory=list)
    missing: dict[str, int] = field(default_factory=dict)
    infinite: dict[str, int] = field(default_factory=dict)
    incomplete: list[int] = field(default_factory=list)
    lengths: dict[str, tuple[int, int]] = field(default_factory=dict)
    labels: set[Any] | None = None
    missing_labels: int = 0
    bad_weights: int = 0

    def add(self, other: Statistics) -> None:
        """Add what another pass found in the blocks that follow."""
        self.rows += other.rows
        self.incomplete += other.incomplete
        for mine, theirs in ((self.missing, other.missing), (self.infinite, other.infinite)):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count
        for name, (shortest, longest) in other.lengths.items():
            low, high = self.lengths.get(name, (shortest, longest))
            self.lengths[name] = (min(low, shortest), max(high, longest))
        if other.labels is not None:
            self.labels = (self.labels or set()) | other.labels
        self.missing_labels += other.missing_labels
        self.bad_weights += other.bad_weights


@dataclass(frozen=True)
class _Question:
    features: tuple[str, ...]
    label: str | None
    weight: str | None
    wants_classes: bool


def statistics_of(
    blocks: Blocks, features: Sequence[str], *, label: str | None, weight: str | None, wants_classes: bool
) -> Statistics:
    """Look at all rows once; in Ray tasks where the data lie, or in this process when they are few."""
    question = _Question(tuple(features), label, weight, wants_classes)
    if blocks.bytes is not None and blocks.bytes <= _IN_PROCESS_BYTES:
        return _look(question, *ray.get(list(blocks.refs), timeout=_TASK_SECONDS))
    groups = [blocks.refs[i : i + _BLOCKS_PER_TASK] for i in range(0, len(blocks.refs), _BLOCKS_PER_TASK)]
    task = ray.remote(_look).options(num_cpus=0, name="raydp: look at the rows")
    total = Statistics(labels=set() if wants_classes else None)
    for found in ray.get([task.remote(question, *group) for group in groups], timeout=_TASK_SECONDS):
        total.add(found)
    return total


def _look(question: _Question, *blocks: Any) -> Statistics:
    total = Statistics(labels=set() if question.wants_classes else None)
    for block in blocks:
        total.add(_look_at(question, arrow_table(block)))
    return total


def _look_at(question: _Question, table: pa.Table) -> Statistics:
    found = Statistics(rows=[table.num_rows], incomplete=[0])
    incomplete = np.zeros(table.num_rows, dtype=bool)
    for name in question.features:
        column = stored(table.column(name))
        if is_list(column.type):
            lengths = pc.min_max(pc.list_value_length(column))
            if lengths["min"].is_valid:
                found.lengths[name] = (lengths["min"].as_py(), lengths["max"].as_py())
        missing = _missing(column)
        if missing is not None and missing.any():
            found.missing[name] = int(missing.sum())
            incomplete |= missing
        infinite = _infinite(column)
        if infinite:
            found.infinite[name] = infinite
    found.incomplete = [int(incomplete.sum())]
    if question.label is not None:
        label = table.column(question.label)
        missing = _missing(label)
        found.missing_labels = (0 if missing is None else int(missing.sum())) + _infinite(label)
        if question.wants_classes:
            found.labels = set(pc.unique(label.drop_null())[: MOST_CLASSES + 1].to_pylist())
    if question.weight is not None:
        weights = numbers(table.column(question.weight))
        found.bad_weights = int((~np.isfinite(weights) | (weights < 0)).sum())
    return found


def _infinite(column: pa.ChunkedArray) -> int:
    """Count the infinite numbers, those in arrays too."""
    if is_list(column.type):
        return sum(_infinite(pa.chunked_array([chunk.flatten()])) for chunk in column.chunks)
    return (pc.sum(pc.is_inf(column)).as_py() or 0) if pa.types.is_floating(column.type) else 0


def _missing(column: pa.ChunkedArray) -> Any:
    """Tell of each row whether something is missing; ``None``: nothing is, for sure."""
    if is_list(column.type):
        return _missing_in_arrays(column)
    if column.null_count == 0 and not pa.types.is_floating(column.type):
        return None
    return pc.is_null(column, nan_is_null=pa.types.is_floating(column.type)).to_numpy()


def _missing_in_arrays(column: pa.ChunkedArray) -> Any:
    missing = pc.is_null(column).to_numpy().copy()
    start = 0
    for chunk in column.chunks:
        elements = _missing(pa.chunked_array([chunk.flatten()]))
        if elements is not None and elements.any():
            parents = pc.list_parent_indices(chunk).to_numpy()
            missing[start + np.unique(parents[elements])] = True
        start += len(chunk)
    return missing
