"""Predictions for frames of any kind: on Ray for Spark DataFrames and Datasets, in this process for pandas."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import ray
import ray.data

from raydp._estimators.data.inputs import Input, PandasInput, RayInput, SparkInput, StoredInput
from raydp._estimators.data.layout import check_columns
from raydp._estimators.data.matrices import complete_rows, feature_matrix
from raydp._estimators.data.vectors import restore_columns, vectors_as_arrays
from raydp._estimators.frameworks.learner import rows_of
from raydp._estimators.metrics import Sums, finished, predicted_positions, sums_of
from raydp._estimators.training.run import raydp_cause
from raydp._ray.capacity import await_room
from raydp._ray.internals import arrow_table
from raydp._session.conversions import from_spark, to_spark
from raydp.errors import InvalidArgumentError, InvalidDataError, NotADataFrameError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.frameworks.learner import Learner

__all__ = ["Model", "evaluate", "predict"]


@dataclass(frozen=True)
class Model:
    """A trained model and all that is needed to use it.

    Attributes:
        learner: The framework.
        content: The model in the framework's own format.
        layout: The columns that it was trained with.
        classes: The classes, for a classifier.
        configuration: That of the estimator.
    """

    learner: Learner
    content: bytes
    layout: Layout
    classes: Classes | None
    configuration: Configuration
    _identity: str = field(default_factory=lambda: uuid.uuid4().hex)

    def loaded(self) -> Any:
        """Return the framework's model object; loaded once per process for predictions in a row."""
        if self._identity not in _loaded:
            _loaded.clear()
            _loaded[self._identity] = self.learner.load(self.content)
        return _loaded[self._identity]

    def score(self, features: NDArray[Any]) -> NDArray[Any]:
        """Return the scores of complete rows."""
        return np.asarray(self.learner.score(self.loaded(), features, self.classes))


_loaded: dict[str, Any] = {}


@dataclass(frozen=True)
class _Predict:
    """Adds predictions to a table."""

    model: Model
    prediction_column: str
    probability_column: str | None

    def __call__(self, table: pa.Table) -> pa.Table:
        model, configuration = self.model, self.model.configuration
        fill = configuration.fill_value if configuration.nulls == "fill" else None
        features = feature_matrix(
            table, model.layout.features, model.layout.widths, fill=fill, dtype=model.learner.features_type
        )
        known = None if configuration.nulls == "keep" else complete_rows(features)
        if known is not None and configuration.nulls == "error" and not known.all():
            _refuse_missing(table, model)
        scores = model.score(features if known is None else features[known])
        if self.probability_column is not None:
            probabilities = np.column_stack([1 - scores, scores]) if scores.ndim == 1 else scores
            table = table.append_column(self.probability_column, _spread(_lists(probabilities), known))
        return table.append_column(self.prediction_column, _spread(self._predictions(scores), known))

    def _predictions(self, scores: NDArray[Any]) -> pa.Array:
        if self.model.classes is not None:
            return self.model.classes.decode(predicted_positions(scores))
        return pa.array(scores.astype(np.float64)) if scores.ndim == 1 else _lists(scores)


@dataclass(frozen=True)
class _Evaluate:
    """Makes sums for metrics of a table, as a table of one row that holds them pickled."""

    model: Model

    def sums(self, table: pa.Table) -> Sums:
        model = self.model
        if model.configuration.nulls == "error":
            features = feature_matrix(table, model.layout.features, model.layout.widths)
            if not complete_rows(features).all():
                _refuse_missing(table, model)
        rows = rows_of(table, model.layout, model.classes, model.configuration, model.learner.features_type)
        labels = rows.labels
        if labels is None or np.isnan(labels).any():
            raise InvalidDataError(
                f"The label column has nulls or NaN, so that nothing can be measured by it: {model.layout.label}"
            )
        classes = None if model.classes is None else len(model.classes)
        return sums_of(model.score(rows.features), labels, rows.weights, classes=classes)

    def __call__(self, table: pa.Table) -> pa.Table:
        return pa.table({"sums": pa.array([ray.cloudpickle.dumps(self.sums(table))], pa.binary())})


def predict(frame: Input, model: Model, *, prediction_column: str, probability_column: str | None) -> Any:
    """Return the frame, of its own kind, with predictions as further columns."""
    added = [name for name in (prediction_column, probability_column) if name is not None]
    names = frame.column_names()
    taken = [name for name in added if name in names]
    if taken or len(set(added)) < len(added):
        raise InvalidArgumentError(
            f"A column of this name is there already; name another with prediction_column or probability_column: "
            f"{', '.join(taken or added[:1])}"
        )
    if probability_column is not None and model.classes is None:
        raise InvalidArgumentError(f"Only a classifier has probabilities; probability_column: {probability_column}")
    check_columns(frame, model.layout.features)
    action = _Predict(model, prediction_column, probability_column)
    if isinstance(frame, PandasInput):
        table = action(frame.table(model.layout.features))
        return frame.frame.assign(**{name: table.column(name).to_pandas().to_numpy() for name in added})
    result = _mapped(_dataset_of(frame, names), action, model)
    if isinstance(frame, SparkInput):
        return restore_columns(to_spark(result, frame.frame.sparkSession), frame.frame.schema)
    return result


def evaluate(frame: Input, model: Model) -> dict[str, float]:
    """Return metrics of a model on a frame that has its label."""
    layout = model.layout
    if layout.label is None:
        raise InvalidArgumentError("This estimator was trained without a label: there is nothing to measure by")
    others = [name for name in (layout.label, layout.weight) if name is not None]
    check_columns(frame, layout.features, others, weight=layout.weight)
    action = _Evaluate(model)
    if isinstance(frame, PandasInput):
        parts = [action.sums(frame.table(layout.columns))]
    elif isinstance(frame, StoredInput):
        parts = [action.sums(arrow_table(ray.get(ref))) for ref in frame.blocks(layout.columns).refs]
    else:
        rows = _mapped(_dataset_of(frame, layout.columns), action, model).take_all()
        parts = [ray.cloudpickle.loads(row["sums"]) for row in rows]
    parts = [part for part in parts if part["weight"] > 0]
    if not parts:
        raise InvalidDataError("There is no row to measure with: the frame is empty, or all of its rows were dropped")
    return finished(parts, classes=None if model.classes is None else len(model.classes))


def _dataset_of(frame: Input, columns: list[str]) -> ray.data.Dataset:
    if isinstance(frame, RayInput):
        return frame.dataset
    if isinstance(frame, SparkInput):
        return from_spark(vectors_as_arrays(frame.frame, columns))
    raise NotADataFrameError(f"There is no Dataset of this: {type(frame).__name__}")


def _mapped(dataset: ray.data.Dataset, action: Callable[[pa.Table], pa.Table], model: Model) -> ray.data.Dataset:
    """Run an action over the blocks, and raise what went wrong in it as it was raised there."""
    gpus = min(model.configuration.resources.get("GPU", 0.0), 1.0)
    resources = {"CPU": 1.0, **({"GPU": gpus} if gpus else {})}
    await_room(resources, 1, "PACK", model.configuration.start_timeout, what="A task that predicts")
    mapped = dataset.map_batches(
        action, batch_format="pyarrow", batch_size=None, zero_copy_batch=True, num_gpus=gpus or None
    )
    try:
        result: ray.data.Dataset = mapped.materialize()
    except Exception as error:
        found = raydp_cause(error)
        if found is None:
            raise
        raise found from error
    if result.count() == 0:
        # Ray Data does not call functions for empty blocks, so that the new columns are not there.
        blocks = [arrow_table(block) for block in ray.get(dataset.materialize().get_internal_block_refs())]
        result = ray.data.from_arrow([action(block) for block in blocks[:1]])
    return result


def _refuse_missing(table: pa.Table, model: Model) -> None:
    names = [
        f"{name} ({count})"
        for name, width in zip(model.layout.features, model.layout.widths, strict=True)
        if (count := int((~complete_rows(feature_matrix(table, [name], [width]))).sum()))
    ]
    raise InvalidDataError(
        "Features have nulls or NaN. Make the estimator with nulls='fill' and a fill_value, or with nulls='drop', "
        f"which leaves out such rows in training and gives them a null as prediction. Columns: {', '.join(names)}"
    )


def _lists(values: NDArray[Any]) -> pa.Array:
    rows, width = values.shape
    flat = pa.array(np.ascontiguousarray(values, dtype=np.float64).reshape(-1))
    return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32) * width), flat)


def _spread(values: pa.Array, known: NDArray[np.bool_] | None) -> pa.Array:
    """Put the predictions of known rows in their places; the others become null."""
    if known is None or known.all():
        return values
    positions = np.cumsum(known) - 1
    return values.take(pa.array(positions, mask=~known))
