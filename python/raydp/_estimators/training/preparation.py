"""The checks that need the rows, before any worker starts, and the layout and classes that they determine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from raydp._estimators.data.labels import Classes, are_class_labels, check_label, find_classes
from raydp._estimators.data.layout import Layout, check_types, is_list, is_text, is_time
from raydp._estimators.data.statistics import NumberTypes, Statistics, collect_statistics
from raydp._estimators.data.vocabulary import make_vocabulary
from raydp._estimators.training.identifiers import warn_of_identifiers
from raydp.errors import InvalidArgumentError, InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.frames import StoredBlocks
    from raydp._estimators.data.vocabulary import Encoding
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
    # The types of all blocks, and not only of the first one.
    check_types(blocks.schema, features, weight=weight, accepted=learner.accepted)
    encodings = _choose_encodings(blocks, features, configuration, learner)
    classifies = learner.classifies
    if classifies is None and label is not None:
        classifies = are_class_labels(blocks.schema.field(label).type)
    if label is not None:
        check_label(label, blocks.schema.field(label).type, classifies=bool(classifies))
    has_classes = bool(classifies) and label is not None
    collected = [*encodings, *([label] if has_classes and label is not None else [])]
    statistics = _collect(blocks, features, configuration, learner, collected)
    complete_rows = _check_values(statistics, configuration, learner)
    _check_count(complete_rows, learner.worker_count(configuration), "frame")
    categories = {
        name: make_vocabulary(statistics.values[name], blocks.schema.field(name).type, name, encoding)
        for name, encoding in encodings.items()
    }
    layout = Layout(
        features=tuple(features),
        widths=tuple(
            categories[name].width if name in categories else _find_width(name, blocks, statistics) for name in features
        ),
        label=label,
        weight=weight,
        categories=tuple(categories.items()),
        types=pa.schema([blocks.schema.field(name) for name in features]),
    )
    layout = replace(layout, as_frame=learner.takes_frame(layout))
    classes = None
    if has_classes and label is not None:
        type_, count = blocks.schema.field(label).type, learner.declared_class_count(layout)
        classes = find_classes(statistics.values[label], type_, label, count)
    learner.check_data(layout, classes)
    warn_of_identifiers(statistics, list(encodings), label if has_classes else None)
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
    check_types(blocks.schema, layout.features, weight=layout.weight, accepted=learner.accepted)
    labels = [layout.label] if prepared.classes is not None and layout.label is not None else []
    statistics = _collect(blocks, layout.features, configuration, learner, labels)
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
    if prepared.classes is not None and layout.label is not None:
        unknown = sorted(statistics.values[layout.label] - set(prepared.classes.values.to_pylist()))
        if unknown:
            raise InvalidDataError(
                "The evaluation frame has classes that the training frame does not have; split the rows by class "
                f"(stratified). Label {layout.label}: {unknown[:5]}"
            )
    return statistics


def _choose_encodings(
    blocks: StoredBlocks, features: Sequence[str], configuration: Configuration, learner: Learner
) -> dict[str, Encoding]:
    """Return the columns that are categories, and how each becomes columns of the feature matrix."""
    encodings: dict[str, Encoding] = {}
    for name in features:
        type_, is_named = blocks.schema.field(name).type, name in configuration.categorical_columns
        if is_list(type_) or is_time(type_):
            if is_named:
                raise InvalidDataError(f"A column of categories must have a single value per row. {name}: {type_}")
            continue
        is_declared = is_named or name in blocks.categories
        if not (is_declared or is_text(type_)):
            continue
        encoding = learner.choose_encoding(name, is_declared=is_declared)
        if encoding is not None:
            encodings[name] = encoding
        elif is_named:
            raise InvalidArgumentError(
                f"This model has no categories; encode the column first. categorical_columns: {name}"
            )
    return encodings


def _collect(
    blocks: StoredBlocks,
    features: Sequence[str],
    configuration: Configuration,
    learner: Learner,
    collected: Sequence[str],
) -> Statistics:
    return collect_statistics(
        blocks,
        features,
        label=configuration.label_column,
        weight=configuration.weight_column,
        collected=collected,
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
            "nulls='fill' replaces numbers by fill_value and takes strings as unknown, nulls='keep' passes them to a "
            f"framework that handles missing values. Rows of the {what}: {rows}; missing: {counts}"
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
