"""Predict for a frame and evaluate on one: in Ray tasks for Spark and Ray Data, in this process for pandas."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import ray
import ray.data

from raydp._configuration.suggestions import did_you_mean
from raydp._estimators.data.frames import DatasetFrame, Frame, PandasFrame, SparkFrame, StoredFrame
from raydp._estimators.data.labels import check_label
from raydp._estimators.data.layout import check_trained_columns
from raydp._estimators.data.missing import find_incomplete_rows, find_missing
from raydp._estimators.data.plain_columns import read_plain_columns
from raydp._estimators.data.rows import build_features, extract_rows
from raydp._estimators.data.vectors import restore_vectors_and_metadata, select_vectors_as_arrays
from raydp._estimators.evaluation import Evaluation
from raydp._estimators.metrics import (
    Sums,
    compute_metrics,
    compute_sums,
    find_most_probable,
    to_class_probabilities,
)
from raydp._estimators.outcomes import Outcomes
from raydp._estimators.scorers import Metrics, Predicted, compute_scores, resolve_metrics
from raydp._ray.capacity import await_capacity
from raydp._ray.failures import find_raydp_error
from raydp._ray.internals import arrow_table, blocks_of_dataset
from raydp._session.conversions import from_spark, to_spark
from raydp.errors import InvalidArgumentError, InvalidDataError, NotADataFrameError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.frameworks import Learner

__all__ = ["FittedModel", "evaluate", "predict"]


@dataclass(frozen=True)
class FittedModel:
    """A trained model and all that is needed to predict with it.

    Attributes:
        learner: The framework.
        content: The model in the framework's own format.
        layout: The columns that it was trained with.
        classes: The classes; ``None`` for a regression.
        configuration: The estimator's configuration.
    """

    learner: Learner
    content: bytes
    layout: Layout
    classes: Classes | None
    configuration: Configuration
    _identity: str = field(default_factory=lambda: uuid.uuid4().hex)

    def load(self) -> Any:
        """Return the framework's model object. Each process keeps the one that it loaded last."""
        if self._identity not in _loaded:
            _loaded.clear()
            _loaded[self._identity] = self.learner.load(self.content)
        return _loaded[self._identity]

    def score(self, features: NDArray[Any]) -> NDArray[Any]:
        """Return the scores of rows without missing values; see :meth:`Learner.score`."""
        return np.asarray(self.learner.score(self.load(), features, self.classes))


_loaded: dict[str, Any] = {}


@dataclass(frozen=True)
class _Predict:
    """Adds predictions to a table."""

    model: FittedModel
    prediction_column: str
    probability_column: str | None
    probability_of: int | None = None

    def __call__(self, block: object) -> pa.Table:
        model, configuration = self.model, self.model.configuration
        table = arrow_table(block)
        plain = read_plain_columns(table, model.layout.features)
        complete = None
        if configuration.nulls in ("error", "drop"):
            complete = ~find_incomplete_rows(plain, model.layout.features)
            if configuration.nulls == "error" and not complete.all():
                raise _missing_values_error(plain)
        features = build_features(plain, model.layout, configuration, model.learner.features_type)
        scores = model.score(features if complete is None or complete.all() else features[complete])
        if self.probability_column is not None:
            found = to_class_probabilities(scores)
            of = self.probability_of
            probabilities = _to_lists(found) if of is None else pa.array(found[:, of].astype(np.float64))
            table = table.append_column(self.probability_column, _insert_nulls(probabilities, complete))
        return table.append_column(self.prediction_column, _insert_nulls(self._to_predictions(scores), complete))

    def _to_predictions(self, scores: NDArray[Any]) -> pa.Array:
        if self.model.classes is not None:
            return self.model.classes.decode(find_most_probable(scores))
        return pa.array(scores.astype(np.float64)) if scores.ndim == 1 else _to_lists(scores)


@dataclass(frozen=True)
class _Evaluate:
    """Computes the sums for a table's metrics, pickled into a table of one row."""

    model: FittedModel
    keeps_rows: bool = False

    def compute_sums(self, block: object) -> Sums:
        model = self.model
        table = read_plain_columns(block, model.layout.columns)
        if model.configuration.nulls == "error":
            features = table.select(model.layout.features)
            if find_incomplete_rows(features, model.layout.features).any():
                raise _missing_values_error(features)
        rows = extract_rows(table, model.layout, model.classes, model.configuration, model.learner.features_type)
        labels = rows.labels
        if labels is None or np.isnan(labels).any():
            raise InvalidDataError(
                f"The label column has nulls or NaN; drop these rows first. Label: {model.layout.label}"
            )
        classes = None if model.classes is None else len(model.classes)
        scores = model.score(rows.features)
        sums = compute_sums(scores, labels, rows.weights, classes=classes)
        if classes is not None:
            sums["outcomes"] = Outcomes.of(scores, labels, rows.weights, classes)
        return {**sums, "rows": (labels, scores, rows.weights)} if self.keeps_rows else sums

    def __call__(self, block: object) -> pa.Table:
        return pa.table({"sums": pa.array([ray.cloudpickle.dumps(self.compute_sums(block))], pa.binary())})


def predict(
    frame: Frame,
    model: FittedModel,
    *,
    prediction_column: str,
    probability_column: str | None,
    probability_of: Any = None,
) -> Any:
    """Return a frame of the same kind with added columns; see :meth:`Estimator.predict`."""
    added = [name for name in (prediction_column, probability_column) if name is not None]
    names = frame.column_names()
    fold = str.lower if isinstance(frame, SparkFrame) and frame.ignores_case else str
    taken = [name for name in added if fold(name) in {fold(one) for one in names}]
    if taken or len({fold(name) for name in added}) < len(added):
        raise InvalidArgumentError(
            f"The frame already has a column of this name; choose another with prediction_column or "
            f"probability_column. Name: {', '.join(taken or added[:1])}"
        )
    if probability_column is not None and model.classes is None:
        raise InvalidArgumentError(f"Only a classifier has probabilities. probability_column: {probability_column}")
    check_trained_columns(frame, model.layout)
    position = None if probability_of is None else _find_class(model, probability_column, probability_of)
    action = _Predict(model, prediction_column, probability_column, position)
    if isinstance(frame, PandasFrame):
        table = action(frame.table(model.layout.features))
        in_order = [name for name in table.column_names if name in added]
        return frame.dataframe.assign(**{name: table.column(name).to_pandas().to_numpy() for name in in_order})
    result = _map_blocks(_to_dataset(frame, names), action, model)
    if isinstance(frame, SparkFrame):
        dataframe = frame.dataframe
        return restore_vectors_and_metadata(to_spark(result, dataframe.sparkSession), dataframe.schema)
    return result


def evaluate(frame: Frame, model: FittedModel, metrics: Metrics | None = None) -> Evaluation:
    """Return metrics of a model on a frame that has the label; see :meth:`Estimator.evaluate`."""
    layout = model.layout
    wanted = resolve_metrics(metrics or ())
    if layout.label is None:
        raise InvalidArgumentError("This estimator was trained without a label, so it has no metrics")
    others = [name for name in (layout.label, layout.weight) if name is not None]
    check_trained_columns(frame, layout, others)
    label_type = frame.schema([layout.label]).field(layout.label).type
    check_label(layout.label, label_type, classifies=model.classes is not None)
    action = _Evaluate(model, keeps_rows=any(callable(metric) for metric in wanted.values()))
    if isinstance(frame, PandasFrame):
        parts = [action.compute_sums(frame.table(layout.columns))]
    elif isinstance(frame, StoredFrame):
        parts = [action.compute_sums(ray.get(ref)) for ref in frame.store(layout.columns).refs]
    else:
        rows = _map_blocks(_to_dataset(frame, layout.columns), action, model).take_all()
        parts = [ray.cloudpickle.loads(row["sums"]) for row in rows]
    parts = [part for part in parts if part["weight"] > 0]
    if not parts:
        raise InvalidDataError(
            "There is no row to evaluate with: the frame is empty, or nulls='drop' dropped all of its rows"
        )
    found = compute_metrics(parts, classes=None if model.classes is None else len(model.classes))
    missing = [metric for metric in wanted.values() if isinstance(metric, str) and metric not in found]
    if missing:
        raise InvalidArgumentError(
            "The metrics of a regression and of a classification differ. "
            f"Not available: {', '.join(missing)}; available: {', '.join(found)}"
        )
    renamed = {name: found[metric] for name, metric in wanted.items() if isinstance(metric, str)}
    scores = compute_scores(wanted, _join_rows(parts, model.classes)) if action.keeps_rows else {}
    values = found | renamed | scores
    if model.classes is None:
        return Evaluation(values)
    return Evaluation(values, Outcomes.join([part["outcomes"] for part in parts]), model.classes.values.to_pylist())


def _join_rows(parts: list[Sums], classes: Classes | None) -> Predicted:
    labels, scores, weights = zip(*(part["rows"] for part in parts), strict=True)
    positions, joined = np.concatenate(labels), np.concatenate(scores)
    weight = None if weights[0] is None else np.concatenate(weights)
    if classes is None:
        return Predicted(positions, joined, None, None, weight)
    values = np.asarray(classes.values.to_pylist())
    predictions = values[find_most_probable(joined)]
    return Predicted(values[positions.astype(np.int64)], predictions, to_class_probabilities(joined), values, weight)


def _find_class(model: FittedModel, probability_column: str | None, label: Any) -> int:
    """Return the index of the requested class among the model's classes."""
    if probability_column is None:
        raise InvalidArgumentError(
            f"probability_of needs a name for the column of probabilities: set probability_column. Got: {label!r}"
        )
    classes = [] if model.classes is None else model.classes.values.to_pylist()
    if label not in classes:
        raise InvalidArgumentError(
            f"probability_of must be one of the classes. {did_you_mean(label, classes)}"
            f"Got: {label!r}; classes: {model.classes}"
        )
    return classes.index(label)


def _to_dataset(frame: Frame, columns: list[str]) -> ray.data.Dataset:
    if isinstance(frame, DatasetFrame):
        return frame.dataset
    if isinstance(frame, SparkFrame):
        return from_spark(select_vectors_as_arrays(frame.dataframe, columns))
    raise NotADataFrameError(f"Cannot predict for a frame of this kind: {type(frame).__name__}")


def _map_blocks(
    dataset: ray.data.Dataset, action: Callable[[object], pa.Table], model: FittedModel
) -> ray.data.Dataset:
    """Run an action on every block. An error of raydp's in the action is raised as it is."""
    gpus = min(model.configuration.resources.get("GPU", 0.0), 1.0)
    resources = {"CPU": 1.0, **({"GPU": gpus} if gpus else {})}
    await_capacity(resources, 1, "PACK", model.configuration.start_timeout, what="A prediction task")
    # Blocks as they are: Ray Data cannot convert all pandas blocks to Arrow.
    mapped = dataset.map_batches(
        action, batch_format=None, batch_size=None, zero_copy_batch=True, num_gpus=gpus or None
    )
    try:
        result: ray.data.Dataset = mapped.materialize()
    except Exception as error:
        found = find_raydp_error(error)
        if found is None:
            raise
        raise found from error
    if result.count() == 0:
        # Ray Data does not call functions for empty blocks, so the result lacks the new columns.
        refs = blocks_of_dataset(dataset.materialize()).refs
        result = ray.data.from_arrow([action(ray.get(ref)) for ref in refs[:1]])
    return result


def _missing_values_error(features: pa.Table) -> InvalidDataError:
    missing = {name: find_missing(features.column(name)) for name in features.column_names}
    names = [f"{name} ({found.sum()})" for name, found in missing.items() if found is not None and found.any()]
    return InvalidDataError(
        "Features have nulls or NaN. Create the estimator with nulls='fill' and a fill_value, or with nulls='drop', "
        f"which leaves out such rows in training and predicts null for them. Columns: {', '.join(names)}"
    )


def _to_lists(values: NDArray[Any]) -> pa.Array:
    rows, width = values.shape
    flat = pa.array(np.ascontiguousarray(values, dtype=np.float64).reshape(-1))
    return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32) * width), flat)


def _insert_nulls(values: pa.Array, complete: NDArray[np.bool_] | None) -> pa.Array:
    """Return the values of complete rows in the order of all rows, with nulls for the incomplete ones."""
    if complete is None or complete.all():
        return values
    positions = np.cumsum(complete) - 1
    return values.take(pa.array(positions, mask=~complete))
