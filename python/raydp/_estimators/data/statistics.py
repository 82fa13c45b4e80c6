"""One pass over the blocks that collects what must be known about the rows before workers start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray

from raydp._estimators.data.layout import is_list
from raydp._estimators.data.matrices import to_numbers, unwrap_tensors
from raydp._ray.internals import arrow_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raydp._estimators.data.frames import StoredBlocks

__all__ = ["MAX_CLASSES", "Statistics", "collect_statistics"]

MAX_CLASSES = 10_000
"""The greatest number of classes. Distinct labels are collected up to one more than this."""

_IN_PROCESS_BYTES = 64 * 1024**2
_BLOCKS_PER_TASK = 16
_TASK_SECONDS = 600.0


@dataclass
class Statistics:
    """What is known about some rows.

    Attributes:
        rows: Number of rows of each block.
        missing: Number of rows with a null or NaN, for each feature column that has some.
        infinite: Number of infinite values, for each feature column that has some.
        incomplete: Number of rows with a null or NaN in any feature, of each block.
        lengths: Length of the shortest and the longest array, for each feature column of arrays.
        labels: The distinct labels, at most ``MAX_CLASSES`` + 1; ``None`` if they were not collected.
        missing_labels: Number of labels that are null, NaN or infinite.
        invalid_weights: Number of weights that are null, NaN, infinite or negative.
    """

    rows: list[int] = field(default_factory=list)
    missing: dict[str, int] = field(default_factory=dict)
    infinite: dict[str, int] = field(default_factory=dict)
    incomplete: list[int] = field(default_factory=list)
    lengths: dict[str, tuple[int, int]] = field(default_factory=dict)
    labels: set[Any] | None = None
    missing_labels: int = 0
    invalid_weights: int = 0

    def add(self, other: Statistics) -> None:
        """Add the statistics of the blocks that follow."""
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
        self.invalid_weights += other.invalid_weights


@dataclass(frozen=True)
class _Query:
    features: tuple[str, ...]
    label: str | None
    weight: str | None
    collect_labels: bool


def collect_statistics(
    blocks: StoredBlocks, features: Sequence[str], *, label: str | None, weight: str | None, collect_labels: bool
) -> Statistics:
    """Read all rows once: in this process if they are small, otherwise in Ray tasks near the data.

    Args:
        blocks: The rows.
        features: The feature columns.
        label: The label column, or ``None``.
        weight: The weight column, or ``None``.
        collect_labels: Whether to collect the distinct labels.
    """
    query = _Query(tuple(features), label, weight, collect_labels)
    if blocks.bytes is not None and blocks.bytes <= _IN_PROCESS_BYTES:
        return _scan_blocks(query, *ray.get(list(blocks.refs), timeout=_TASK_SECONDS))
    groups = [blocks.refs[i : i + _BLOCKS_PER_TASK] for i in range(0, len(blocks.refs), _BLOCKS_PER_TASK)]
    task = ray.remote(_scan_blocks).options(num_cpus=0, name="raydp: statistics of the rows")
    total = Statistics(labels=set() if collect_labels else None)
    for found in ray.get([task.remote(query, *group) for group in groups], timeout=_TASK_SECONDS):
        total.add(found)
    return total


def _scan_blocks(query: _Query, *blocks: Any) -> Statistics:
    total = Statistics(labels=set() if query.collect_labels else None)
    for block in blocks:
        total.add(_scan_table(query, arrow_table(block)))
    return total


def _scan_table(query: _Query, table: pa.Table) -> Statistics:
    found = Statistics(rows=[table.num_rows], incomplete=[0])
    incomplete = np.zeros(table.num_rows, dtype=bool)
    for name in query.features:
        column = unwrap_tensors(table.column(name))
        if is_list(column.type):
            lengths = pc.min_max(pc.list_value_length(column))
            if lengths["min"].is_valid:
                found.lengths[name] = (lengths["min"].as_py(), lengths["max"].as_py())
        missing = _find_missing(column)
        if missing is not None and missing.any():
            found.missing[name] = int(missing.sum())
            incomplete |= missing
        infinite = _count_infinite(column)
        if infinite:
            found.infinite[name] = infinite
    found.incomplete = [int(incomplete.sum())]
    if query.label is not None:
        label = table.column(query.label)
        missing = _find_missing(label)
        found.missing_labels = (0 if missing is None else int(missing.sum())) + _count_infinite(label)
        if query.collect_labels:
            found.labels = set(pc.unique(label.drop_null())[: MAX_CLASSES + 1].to_pylist())
    if query.weight is not None:
        weights = to_numbers(table.column(query.weight))
        found.invalid_weights = int((~np.isfinite(weights) | (weights < 0)).sum())
    return found


def _count_infinite(column: pa.ChunkedArray) -> int:
    """Return the number of infinite values, also inside arrays."""
    if is_list(column.type):
        return sum(_count_infinite(pa.chunked_array([chunk.flatten()])) for chunk in column.chunks)
    return (pc.sum(pc.is_inf(column)).as_py() or 0) if pa.types.is_floating(column.type) else 0


def _find_missing(column: pa.ChunkedArray) -> Any:
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
        elements = _find_missing(pa.chunked_array([chunk.flatten()]))
        if elements is not None and elements.any():
            parents = pc.list_parent_indices(chunk).to_numpy()
            missing[start + np.unique(parents[elements])] = True
        start += len(chunk)
    return missing
