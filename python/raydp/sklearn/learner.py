"""Train with scikit-learn in one worker, and predict with the model."""

from __future__ import annotations

import contextlib
import functools
import json
import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import sklearn.base
from ray import cloudpickle

from raydp._estimators.data.layout import Accepted, is_text, is_time
from raydp._estimators.frameworks import Learner, TrainedModel, TrainingWorker
from raydp._estimators.metrics import compute_metrics, compute_sums
from raydp.errors import InvalidArgumentError
from raydp.sklearn.model import find_column_needs, weight_argument

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.data.rows import Rows
    from raydp._estimators.data.vocabulary import Encoding
    from raydp.sklearn.model import ColumnNeeds

__all__ = ["SklearnLearner"]

_MODEL, _STATE = "model.pickle", "state.json"


@dataclass(frozen=True)
class SklearnLearner(Learner):
    """A scikit-learn estimator.

    Attributes:
        model: The untrained estimator.
        epochs: How many times ``partial_fit`` gets the rows.
    """

    framework: ClassVar[str] = "sklearn"
    file_name: ClassVar[str] = _MODEL

    model: Any
    epochs: int

    @functools.cached_property
    def _needs(self) -> ColumnNeeds:
        return find_column_needs(self.model)

    @property
    def accepted(self) -> Accepted:  # type: ignore[override]
        """Strings, dates and timestamps if a part of the model reads them."""
        return Accepted(texts=self._needs.texts or self._needs.categories, times=self._needs.texts)

    def choose_encoding(self, column: str, *, is_declared: bool) -> Encoding | None:
        """Return that categories are pandas' categories for models that read them. Other strings stay as they are."""
        del column
        takes = self._needs.categories or (is_declared and self._needs.texts)
        return "positions" if takes else None

    def takes_frame(self, layout: Layout) -> bool:
        """Return whether the model selects columns by name, or whether some columns are not numbers."""
        types = () if layout.types is None else layout.types.types
        return self._needs.names or bool(layout.categories) or any(is_text(one) or is_time(one) for one in types)

    def describe(self) -> dict[str, Any]:
        """Return the model and the number of epochs."""
        return {"model": self.model, "num_epochs": self.epochs}

    @property
    def features_type(self) -> type[np.floating[Any]]:  # type: ignore[override]
        """Doubles, as scikit-learn gets from a pandas frame."""
        return np.float64

    @property
    def labels_type(self) -> type[np.floating[Any]]:  # type: ignore[override]
        """Doubles, for the same reason."""
        return np.float64

    @property
    def classifies(self) -> bool | None:
        """Whether the model is a classifier."""
        return bool(sklearn.base.is_classifier(self.model))

    @property
    def steps(self) -> int:
        """Number of epochs of ``partial_fit``."""
        return self.epochs

    @property
    def step_name(self) -> str:  # type: ignore[override]
        """Epochs of ``partial_fit``; a model without it is fitted once."""
        return "epochs" if hasattr(self.model, "partial_fit") else "fits"

    def worker_count(self, configuration: Configuration) -> int:
        """Return 1, because one process trains."""
        del configuration
        return 1

    def process_count(self, configuration: Configuration) -> int:
        """Return the number of processes, including joblib's."""
        return 1 if configuration.num_workers == 1 else 1 + configuration.num_workers

    def train(self, worker: TrainingWorker) -> TrainedModel | None:
        """Train: in epochs if the model has ``partial_fit``, otherwise with all rows at once."""
        model = sklearn.base.clone(self.model)
        if worker.configuration.seed is not None and "random_state" in model.get_params():
            model.set_params(random_state=worker.configuration.seed)
        history: list[dict[str, float]] = []
        if hasattr(model, "partial_fit"):
            model, history = self._train_epochs(model, worker)
        else:
            rows = worker.load_all_rows(worker.train_shard, np.float64)
            with _use_joblib_processes(worker.configuration):
                model.fit(rows.features, *_decode_labels(rows, worker.classes), **_weight_arguments(model, rows))
            history = self._evaluate(model, worker)
        # With functions and classes of the user's program, which pickle finds by name only.
        return TrainedModel(cloudpickle.dumps(model), history)

    def _train_epochs(self, model: Any, worker: TrainingWorker) -> tuple[Any, list[dict[str, float]]]:
        history: list[dict[str, float]] = []
        with worker.checkpoints.open_latest() as folder:
            if folder is not None:
                model = pickle.loads((folder / _MODEL).read_bytes())
                history = json.loads((folder / _STATE).read_text())
        classes = {} if worker.classes is None else {"classes": _to_array(worker.classes)}
        for epoch in range(len(history) + 1, self.epochs + 1):
            for table in worker.train_shard.tables():
                rows = worker.extract_rows(table, np.float64)
                if len(rows):
                    labels = _decode_labels(rows, worker.classes)
                    model.partial_fit(rows.features, *labels, **classes, **_weight_arguments(model, rows))
            history += self._evaluate(model, worker) or [{}]
            worker.checkpoints.report_step(epoch, history[-1], functools.partial(_write_checkpoint, model, history))
        return model, history

    def _evaluate(self, model: Any, worker: TrainingWorker) -> list[dict[str, float]]:
        """Return the metrics on the evaluation frame, or an empty list if there is none."""
        if worker.evaluation_shard is None or worker.layout.label is None:
            return []
        count = None if worker.classes is None else len(worker.classes)
        sums = []
        for table in worker.evaluation_shard.tables():
            rows = worker.extract_rows(table, np.float64)
            if rows.labels is not None and len(rows.labels):
                scores = self.score(model, rows.features, worker.classes)
                sums.append(compute_sums(scores, rows.labels, rows.weights, classes=count))
        return (
            [{f"evaluate-{name}": value for name, value in compute_metrics(sums, classes=count).items()}]
            if sums
            else []
        )

    def load(self, content: bytes) -> Any:
        """Return the estimator."""
        return pickle.loads(content)

    def compute_importances(self, model: Any) -> NDArray[Any] | None:
        """Return ``feature_importances_`` of the model; ``None``: it has none, or it is a pipeline."""
        found = getattr(model, "feature_importances_", None)
        return None if found is None else np.asarray(found)

    def score(self, model: Any, features: NDArray[Any], classes: Classes | None) -> NDArray[Any]:
        """Return probabilities or values. A classifier that has no probabilities returns ones and zeros."""
        if not hasattr(model, "predict"):
            raise InvalidArgumentError(f"This model cannot predict, because it has no predict method: {model!r}")
        if len(features) == 0:
            return np.empty((0, len(classes)) if classes is not None else (0,))
        if classes is None:
            return np.asarray(model.predict(features))
        if hasattr(model, "predict_proba"):
            return np.asarray(model.predict_proba(features))
        return np.asarray(model.predict(features)[:, None] == _to_array(classes)[None, :], dtype=np.float64)


def _write_checkpoint(model: Any, history: list[dict[str, float]], folder: Path) -> None:
    (folder / _MODEL).write_bytes(cloudpickle.dumps(model))
    (folder / _STATE).write_text(json.dumps(history))


def _to_array(classes: Classes) -> NDArray[Any]:
    return np.asarray(classes.values.to_pylist())


def _decode_labels(rows: Rows, classes: Classes | None) -> list[NDArray[Any]]:
    """Return the labels as the positional argument of ``fit``, or no argument if there is no label."""
    if rows.labels is None:
        return []
    return [rows.labels if classes is None else _to_array(classes)[rows.labels.astype(np.int64)]]


def _weight_arguments(model: Any, rows: Rows) -> dict[str, NDArray[Any]]:
    return {} if rows.weights is None else {weight_argument(model): rows.weights}


def _use_joblib_processes(configuration: Configuration) -> Any:
    """Return a context in which joblib runs its tasks in Ray processes, if there are some."""
    if configuration.num_workers == 1:
        return contextlib.nullcontext()
    import joblib
    from ray.util.joblib import register_ray

    register_ray()
    resources = configuration.resources
    others = {name: amount for name, amount in resources.items() if name not in ("CPU", "GPU", "memory")}
    arguments = {"num_cpus": resources["CPU"], "num_gpus": resources.get("GPU", 0), "resources": others}
    return joblib.parallel_config("ray", n_jobs=configuration.num_workers, ray_remote_args=arguments)
