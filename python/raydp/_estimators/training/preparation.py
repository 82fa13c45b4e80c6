"""From blocks to what can be trained on: the checks that need the rows, before any worker is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from raydp._estimators.data.labels import Classes, are_class_labels, classes_of
from raydp._estimators.data.layout import Layout, is_list, is_number, stored_type
from raydp._estimators.data.statistics import Statistics, statistics_of
from raydp.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.inputs import Blocks
    from raydp._estimators.frameworks.learner import Learner

__all__ = ["Prepared", "prepare", "prepare_evaluation"]


@dataclass(frozen=True)
class Prepared:
    """Rows that passed all checks.

    Attributes:
        layout: How they are laid out.
        classes: The classes, for a classifier.
        rows: Rows of each block.
        complete: Rows that are left when those to drop are dropped.
    """

    layout: Layout
    classes: Classes | None
    rows: list[int]
    complete: int


def prepare(blocks: Blocks, features: Sequence[str], configuration: Configuration, learner: Learner) -> Prepared:
    """Look at the rows to train on.

    Raises:
        InvalidDataError: They are none, or too few for the workers; features have nulls that the policy does not
            allow; arrays differ in length; labels or weights are missing; there is one class only; or the model
            does not fit the shapes.
    """
    label, weight = configuration.label_column, configuration.weight_column
    classifies = learner.classifies
    if classifies is None and label is not None:
        classifies = are_class_labels(blocks.schema.field(label).type)
    if label is not None:
        _check_label(label, blocks.schema.field(label).type, classifies=bool(classifies))
    wants_classes = bool(classifies) and label is not None
    statistics = statistics_of(blocks, features, label=label, weight=weight, wants_classes=wants_classes)
    complete = _check(statistics, configuration, learner)
    _check_count(complete, learner.workers(configuration), "frame")
    widths = tuple(_width(name, blocks, statistics) for name in features)
    layout = Layout(tuple(features), widths, label, weight)
    classes = None
    if wants_classes and label is not None:
        type_, count = blocks.schema.field(label).type, learner.class_count(layout)
        classes = classes_of(statistics.labels or set(), type_, label, count)
    learner.check(layout, classes)
    return Prepared(layout, classes, statistics.rows, complete)


def prepare_evaluation(blocks: Blocks, prepared: Prepared, configuration: Configuration, learner: Learner) -> list[int]:
    """Look at the rows to measure with; return how many each block has.

    Raises:
        InvalidDataError: As for :func:`prepare`; or the rows differ from those to train on.
    """
    layout = prepared.layout
    statistics = statistics_of(
        blocks, layout.features, label=layout.label, weight=layout.weight, wants_classes=prepared.classes is not None
    )
    complete = _check(statistics, configuration, learner, what="evaluation frame")
    if not learner.evaluates_everywhere:
        _check_count(complete, learner.workers(configuration), "evaluation frame")
    for name, width in zip(layout.features, layout.widths, strict=True):
        low, high = statistics.lengths.get(name, (width, width))
        if (low, high) != (width, width):
            raise InvalidDataError(
                "The evaluation frame's arrays must be as long as those trained on. "
                f"Column {name}: {width} in training, {low} to {high} in evaluation"
            )
    if prepared.classes is not None:
        unknown = sorted((statistics.labels or set()) - set(prepared.classes.values.to_pylist()))
        if unknown:
            raise InvalidDataError(
                "The evaluation frame has classes that the training frame has not; split the rows by class "
                f"(stratified). Label {layout.label}: {unknown[:5]}"
            )
    return statistics.rows


def _check(statistics: Statistics, configuration: Configuration, learner: Learner, what: str = "frame") -> int:
    """Raise the first thing that is wrong; return how many rows are left without those to drop."""
    rows = sum(statistics.rows)
    if rows == 0:
        raise InvalidDataError(f"The {what} is empty: there is no row to learn from. Check the filters before it")
    if statistics.missing_labels:
        raise InvalidDataError(
            f"The label has nulls, NaN or infinite numbers; drop those rows (df.dropna(subset=[label])). Label "
            f"{configuration.label_column}: {statistics.missing_labels} of {rows} rows"
        )
    if statistics.bad_weights:
        raise InvalidDataError(
            "Weights must be finite numbers of 0 or more. "
            f"Column {configuration.weight_column}: {statistics.bad_weights} of {rows} are not"
        )
    if statistics.missing and configuration.nulls == "error":
        counts = ", ".join(f"{name} ({count})" for name, count in statistics.missing.items())
        raise InvalidDataError(
            "Features have nulls or NaN. Say what is to be done about them: nulls='drop' leaves out their rows, "
            "nulls='fill' puts fill_value in their place, nulls='keep' gives them to a framework that knows missing "
            f"values. Rows of the {what}: {rows}; missing: {counts}"
        )
    if statistics.infinite and not learner.handles_infinite:
        counts = ", ".join(f"{name} ({count})" for name, count in statistics.infinite.items())
        raise InvalidDataError(
            "Features have infinite numbers, which this framework cannot learn from. Look for divisions by zero, or "
            f"make them nulls and choose a policy for these. Rows of the {what}: {rows}; infinite: {counts}"
        )
    incomplete = sum(statistics.incomplete) if configuration.nulls == "drop" else 0
    if incomplete == rows:
        raise InvalidDataError(f"Every row of the {what} has a null or NaN, so that nulls='drop' leaves none: {rows}")
    return rows - incomplete


def _check_label(label: str, type_: pa.DataType, *, classifies: bool) -> None:
    if not classifies and (are_class_labels(type_) or not is_number(type_)):
        raise InvalidDataError(
            "A regression needs a label of numbers; give the estimator an objective or a loss for classification, or "
            f"another label. Label {label}: {type_}"
        )
    if pa.types.is_nested(stored_type(type_)):
        raise InvalidDataError(
            "The label of a class is one value; index the arrays or structs, or take one of their fields. "
            f"Label {label}: {type_}"
        )


def _check_count(rows: int, workers: int, what: str) -> None:
    if rows < workers:
        raise InvalidDataError(
            f"The {what} has fewer rows than there are workers; lower num_workers or check the filters. "
            f"Rows: {rows}, workers: {workers}"
        )


def _width(name: str, blocks: Blocks, statistics: Statistics) -> int:
    type_ = blocks.schema.field(name).type
    if not is_list(type_):
        return 1
    low, high = statistics.lengths.get(name, (0, 0))
    if low != high or low == 0:
        raise InvalidDataError(
            "All arrays of a feature column must have the same length, of at least 1; pad or cut them first. "
            f"Column {name}: {low} to {high}"
        )
    return low
