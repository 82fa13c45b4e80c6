"""The checks that need the rows, before any worker starts, and the layout and classes that they determine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raydp._estimators.data.labels import Classes, are_class_labels, check_label, find_classes
from raydp._estimators.data.layout import Layout, check_types, is_list
from raydp._estimators.data.statistics import NumberTypes, Statistics, collect_statistics
from raydp.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.frames import StoredBlocks
    from raydp._estimators.frameworks import Learner

__all__ = ["PreparedRows", "check_evaluation_rows", "prepare_training_rows"]


@dataclass(frozen=True)
class PreparedRows:
    """Rows that passed all checks.

    Attributes:
        layout: Their columns.
        classes: The classes; ``None`` for a regression.
        statistics: What is known about the rows.
        complete_rows: Number of rows that are left after ``nulls="drop"``.
    """

    layout: Layout
    classes: Classes | None
    statistics: Statistics
    complete_rows: int


def prepare_training_rows(
    blocks: StoredBlocks, features: Sequence[str], configuration: Configuration, learner: Learner
) -> PreparedRows:
    """Check the rows to learn from, and determine their layout and classes.

    Raises:
        InvalidDataError: There are no rows, or fewer than workers; features are not numeric, or have nulls that the
            policy does not allow; arrays differ in length; labels or weights are missing; there is only one class; or
            the model does not fit the shapes.
    """
    label, weight = configuration.label_column, configuration.weight_column
    check_types(blocks.schema, features, weight=weight)  # of all blocks, and not only of the first one
    classifies = learner.classifies
    if classifies is None and label is not None:
        classifies = are_class_labels(blocks.schema.field(label).type)
    if label is not None:
        check_label(label, blocks.schema.field(label).type, classifies=bool(classifies))
    has_classes = bool(classifies) and label is not None
    statistics = _collect(blocks, features, configuration, learner, collect_labels=has_classes)
    complete_rows = _check_values(statistics, configuration, learner)
    _check_count(complete_rows, learner.worker_count(configuration), "frame")
    widths = tuple(_find_width(name, blocks, statistics) for name in features)
    layout = Layout(tuple(features), widths, label, weight)
    classes = None
    if has_classes and label is not None:
        type_, count = blocks.schema.field(label).type, learner.declared_class_count(layout)
        classes = find_classes(statistics.labels or set(), type_, label, count)
    learner.check_data(layout, classes)
    return PreparedRows(layout, classes, statistics, complete_rows)


def check_evaluation_rows(
    blocks: StoredBlocks, prepared: PreparedRows, configuration: Configuration, learner: Learner
) -> Statistics:
    """Check the rows to evaluate with against those to learn from.

    Returns:
        What is known about the rows.

    Raises:
        InvalidDataError: As for :func:`prepare_training_rows`, or the rows do not match those to learn from.
    """
    layout = prepared.layout
    check_types(blocks.schema, layout.features, weight=layout.weight)
    statistics = _collect(blocks, layout.features, configuration, learner, collect_labels=prepared.classes is not None)
    complete_rows = _check_values(statistics, configuration, learner, what="evaluation frame")
    if not learner.needs_all_evaluation_rows:
        _check_count(complete_rows, learner.worker_count(configuration), "evaluation frame")
    for name, width in zip(layout.features, layout.widths, strict=True):
        low, high = statistics.lengths.get(name, (width, width))
        if (low, high) != (width, width):
            raise InvalidDataError(
                "The arrays of the evaluation frame must have the same length as those of the training frame. "
                f"Column {name}: {width} in training, {low} to {high} in evaluation"
            )
    if prepared.classes is not None:
        unknown = sorted((statistics.labels or set()) - set(prepared.classes.values.to_pylist()))
        if unknown:
            raise InvalidDataError(
                "The evaluation frame has classes that the training frame does not have; split the rows by class "
                f"(stratified). Label {layout.label}: {unknown[:5]}"
            )
    return statistics


def _collect(
    blocks: StoredBlocks,
    features: Sequence[str],
    configuration: Configuration,
    learner: Learner,
    *,
    collect_labels: bool,
) -> Statistics:
    return collect_statistics(
        blocks,
        features,
        label=configuration.label_column,
        weight=configuration.weight_column,
        collect_labels=collect_labels,
        drop=configuration.nulls == "drop",
        types=NumberTypes(learner.features_type, learner.labels_type),
    )


def _check_values(statistics: Statistics, configuration: Configuration, learner: Learner, what: str = "frame") -> int:
    """Raise InvalidDataError for the first value that is wrong; return the number of rows after ``nulls="drop"``."""
    rows = sum(statistics.rows)
    if rows == 0:
        raise InvalidDataError(f"The {what} is empty: it has no rows to learn from. Check the filters of the frame")
    if statistics.missing_labels:
        raise InvalidDataError(
            f"The label has nulls, NaN or infinite numbers; drop these rows (df.dropna(subset=[label])). Numbers "
            f"beyond {learner.labels_type.__name__}, in which this framework keeps labels, are infinite; scale them. "
            f"Label {configuration.label_column}: {statistics.missing_labels} of {rows} rows"
        )
    if statistics.invalid_weights:
        raise InvalidDataError(
            f"Weights must be finite numbers of 0 or more ({learner.labels_type.__name__}). "
            f"Column {configuration.weight_column}: {statistics.invalid_weights} of {rows} are not"
        )
    if statistics.missing and configuration.nulls == "error":
        counts = ", ".join(f"{name} ({count})" for name, count in statistics.missing.items())
        raise InvalidDataError(
            "Features have nulls or NaN. Choose what to do about them: nulls='drop' leaves out their rows, "
            "nulls='fill' replaces them by fill_value, nulls='keep' passes them to a framework that handles missing "
            f"values. Rows of the {what}: {rows}; missing: {counts}"
        )
    if statistics.infinite and not learner.handles_infinite:
        counts = ", ".join(f"{name} ({count})" for name, count in statistics.infinite.items())
        raise InvalidDataError(
            "Features have infinite numbers, from which this framework cannot learn. Look for divisions by zero, or "
            f"replace them by nulls and set nulls=. It learns from {learner.features_type.__name__}, in which greater "
            f"numbers are infinite; scale them. Rows of the {what}: {rows}; infinite: {counts}"
        )
    incomplete = sum(statistics.incomplete) if configuration.nulls == "drop" else 0
    if incomplete == rows:
        raise InvalidDataError(f"Every row of the {what} has a null or NaN, so nulls='drop' leaves none. Rows: {rows}")
    if configuration.weight_column is not None and not statistics.weighted_rows:
        raise InvalidDataError(
            f"No row of the {what} has a weight above 0, so there is nothing to learn from. Check how the weights are "
            f"computed, and the rows that nulls='drop' leaves. Column {configuration.weight_column}, rows: {rows}"
        )
    return rows - incomplete


def _check_count(rows: int, workers: int, what: str) -> None:
    if rows < workers:
        raise InvalidDataError(
            f"The {what} has fewer rows than there are workers; lower num_workers or check the filters of the frame. "
            f"Rows: {rows}, workers: {workers}"
        )


def _find_width(name: str, blocks: StoredBlocks, statistics: Statistics) -> int:
    type_ = blocks.schema.field(name).type
    if not is_list(type_):
        return 1
    low, high = statistics.lengths.get(name, (0, 0))
    if low != high or low == 0:
        raise InvalidDataError(
            "All arrays of a feature column must have the same length, at least 1; pad or cut them first. "
            f"Column {name}: {low} to {high}"
        )
    return low
