"""Training and prediction with scikit-learn, in one worker."""

from __future__ import annotations

import contextlib
import functools
import json
import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import sklearn.base

from raydp._estimators.frameworks.learner import Learner, Part, Rows, Trained, plain_trainer
from raydp._estimators.metrics import finished, sums_of
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.labels import Classes

__all__ = ["SklearnLearner"]

_MODEL, _STATE = "model.pickle", "state.json"


@dataclass(frozen=True)
class SklearnLearner(Learner):
    """An estimator of scikit-learn.

    Attributes:
        model: The estimator, untrained.
        epochs: How often ``partial_fit`` sees the rows.
    """

    framework: ClassVar[str] = "sklearn"
    file_name: ClassVar[str] = _MODEL

    model: Any
    epochs: int

    @property
    def features_type(self) -> type[np.floating[Any]]:  # type: ignore[override]
        """Doubles, as for the columns of a pandas frame."""
        return np.float64

    @property
    def classifies(self) -> bool | None:
        """Whether the model is a classifier."""
        return bool(sklearn.base.is_classifier(self.model))

    @property
    def steps(self) -> int:
        """Epochs of ``partial_fit``."""
        return self.epochs

    def workers(self, configuration: Configuration) -> int:
        """Return 1: one process trains."""
        del configuration
        return 1

    def processes(self, configuration: Configuration) -> int:
        """Return how many there are with joblib's."""
        return 1 if configuration.num_workers == 1 else 1 + configuration.num_workers

    def trainer(self, workers: int) -> Any:
        """Return Ray Train's plain trainer."""
        del workers
        return plain_trainer()

    def train(self, part: Part) -> Trained | None:
        """Train: in epochs, going on from the last checkpoint, or in one go."""
        model = sklearn.base.clone(self.model)
        if part.configuration.seed is not None and "random_state" in model.get_params():
            model.set_params(random_state=part.configuration.seed)
        history: list[dict[str, float]] = []
        if hasattr(model, "partial_fit"):
            model, history = self._in_epochs(model, part)
        else:
            rows = part.all_rows(part.train, np.float64)
            with _joblib(part.configuration):
                model.fit(rows.features, *_labels(rows, part.classes), **_weights(rows))
            history = self._measured(model, part)
        return Trained(pickle.dumps(model), history)

    def _in_epochs(self, model: Any, part: Part) -> tuple[Any, list[dict[str, float]]]:
        history: list[dict[str, float]] = []
        with part.checkpoints.last() as folder:
            if folder is not None:
                model = pickle.loads((folder / _MODEL).read_bytes())
                history = json.loads((folder / _STATE).read_text())
        classes = {} if part.classes is None else {"classes": _values(part.classes)}
        for epoch in range(len(history) + 1, self.epochs + 1):
            for table in part.train.tables():
                rows = part.rows(table, np.float64)
                if len(rows.features):
                    model.partial_fit(rows.features, *_labels(rows, part.classes), **classes, **_weights(rows))
            measured = self._measured(model, part)
            history += measured or [{}]

            part.checkpoints.step_done(epoch, history[-1], functools.partial(_write, model, history))
        return model, history

    def _measured(self, model: Any, part: Part) -> list[dict[str, float]]:
        if part.evaluate is None or part.layout.label is None:
            return []
        count = None if part.classes is None else len(part.classes)
        sums = []
        for table in part.evaluate.tables():
            rows = part.rows(table, np.float64)
            if rows.labels is not None and len(rows.labels):
                scores = self.score(model, rows.features, part.classes)
                sums.append(sums_of(scores, rows.labels, rows.weights, classes=count))
        return [{f"evaluate-{name}": value for name, value in finished(sums, classes=count).items()}] if sums else []

    def load(self, model: bytes) -> Any:
        """Return the estimator."""
        return pickle.loads(model)

    def score(self, model: Any, features: NDArray[Any], classes: Classes | None) -> NDArray[Any]:
        """Return probabilities, ones and zeros from models without them, or values."""
        if not hasattr(model, "predict"):
            raise InvalidArgumentError(f"This model cannot predict; it has no predict method: {model!r}")
        if len(features) == 0:
            return np.empty((0, len(classes)) if classes is not None else (0,))
        if classes is None:
            return np.asarray(model.predict(features))
        if hasattr(model, "predict_proba"):
            return np.asarray(model.predict_proba(features))
        return np.asarray(model.predict(features)[:, None] == _values(classes)[None, :], dtype=np.float64)


def _write(model: Any, history: list[dict[str, float]], folder: Path) -> None:
    (folder / _MODEL).write_bytes(pickle.dumps(model))
    (folder / _STATE).write_text(json.dumps(history))


def _values(classes: Classes) -> NDArray[Any]:
    return np.asarray(classes.values.to_pylist())


def _labels(rows: Rows, classes: Classes | None) -> list[NDArray[Any]]:
    if rows.labels is None:
        return []
    return [rows.labels if classes is None else _values(classes)[rows.labels.astype(np.int64)]]


def _weights(rows: Rows) -> dict[str, NDArray[Any]]:
    return {} if rows.weights is None else {"sample_weight": rows.weights}


def _joblib(configuration: Configuration) -> Any:
    """Give joblib's parallel tasks to Ray processes, where there are to be some."""
    if configuration.num_workers == 1:
        return contextlib.nullcontext()
    import joblib
    from ray.util.joblib import register_ray

    register_ray()
    resources = configuration.resources
    others = {name: amount for name, amount in resources.items() if name not in ("CPU", "GPU", "memory")}
    arguments = {"num_cpus": resources["CPU"], "num_gpus": resources.get("GPU", 0), "resources": others}
    return joblib.parallel_config("ray", n_jobs=configuration.num_workers, ray_remote_args=arguments)
