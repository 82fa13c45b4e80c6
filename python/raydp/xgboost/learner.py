"""Training and prediction with XGBoost, in one worker of several."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xgboost

from raydp._estimators.frameworks.boosting import BoostingLearner
from raydp._estimators.frameworks.learner import Part, Trained, plain_trainer

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.shards import Shard

__all__ = ["XGBoostLearner"]

_MODEL, _STATE = "model.ubj", "state.json"
_FORBIDDEN_IN_NAMES = "[]<"


@dataclass(frozen=True)
class XGBoostLearner(BoostingLearner):
    """XGBoost with its parameters."""

    framework: ClassVar[str] = "xgboost"
    file_name: ClassVar[str] = _MODEL
    multiclass_objective: ClassVar[str] = "multi:softprob"

    @property
    def classifies(self) -> bool | None:
        """Whether the objective is one of classification; without one, the labels decide."""
        objective = self.params.get("objective")
        return None if objective is None else str(objective).startswith(("binary:", "multi:"))

    @property
    def is_binary(self) -> bool:
        """Whether the objective is one for two classes."""
        return str(self.params.get("objective", "")).startswith("binary:")

    def trainer(self, workers: int) -> Any:
        """Return Ray Train's trainer for XGBoost, or its plain one, which imports less, for a worker alone."""
        if workers == 1:
            return plain_trainer()
        from ray.train.xgboost import XGBoostTrainer

        return XGBoostTrainer

    def train(self, part: Part) -> Trained | None:
        """Train, going on from the last checkpoint if there is one."""
        watched = {"train": _matrix(part, part.train)}
        if part.evaluate is not None:
            watched["evaluate"] = _matrix(part, part.evaluate)
        course = _Course(part, self.early_stopping_rounds)
        booster = course.restore()
        left = self.rounds - len(course.history)
        if left > 0 and not course.stopped:
            booster = xgboost.train(
                self.parameters(part),
                watched["train"],
                num_boost_round=left,
                evals=[(matrix, name) for name, matrix in watched.items()],
                callbacks=[course, *part.configuration.callbacks],
                xgb_model=booster,
                verbose_eval=False,
            )
        if part.rank != 0 or booster is None:
            return None
        if course.stopping is not None:
            booster = booster[: booster.best_iteration + 1]
        return Trained(bytes(booster.save_raw("ubj")), course.history)

    def parameters(self, part: Part) -> dict[str, Any]:
        """Return the parameters to train with: the user's, and what follows from the estimator's arguments."""
        found: dict[str, Any] = {"nthread": part.threads}
        if part.classes is not None and "objective" not in self.params:
            found["objective"] = "binary:logistic" if len(part.classes) == 2 else "multi:softprob"
        objective = str(self.params.get("objective", found.get("objective", "")))
        if part.classes is not None and objective.startswith("multi:"):
            found["num_class"] = len(part.classes)
        if part.configuration.resources.get("GPU", 0) > 0:
            found["device"] = "cuda"
        if part.configuration.seed is not None:
            found["seed"] = part.configuration.seed
        return {**found, **self.params}

    def load(self, model: bytes) -> xgboost.Booster:
        """Return the booster."""
        booster = xgboost.Booster()
        booster.load_model(bytearray(model))
        return booster

    def score(self, model: xgboost.Booster, features: NDArray[Any], classes: Classes | None) -> NDArray[Any]:
        """Return probabilities or values."""
        if len(features) == 0:
            shape = (0, len(classes)) if classes is not None and len(classes) > 2 else (0,)
            return np.empty(shape, np.float32)
        scores = np.asarray(model.predict(xgboost.DMatrix(features), validate_features=False))
        objective = json.loads(model.save_config())["learner"]["objective"]["name"]
        if objective == "binary:logitraw":
            return np.asarray(1 / (1 + np.exp(-scores)))
        if objective == "multi:softmax" and classes is not None:
            return np.eye(len(classes))[scores.astype(np.int64)]  # it gives the class only
        return scores


def _matrix(part: Part, shard: Shard) -> xgboost.DMatrix:
    """Gather the rows of a shard."""
    rows = part.all_rows(shard)
    return xgboost.DMatrix(
        rows.features,
        label=rows.labels,
        weight=rows.weights,
        feature_names=part.layout.names_without(_FORBIDDEN_IN_NAMES),
        nthread=part.threads,
    )


class _Course(xgboost.callback.TrainingCallback):
    """Writes down the metrics of each round, stops early and keeps checkpoints.

    It stands first among the callbacks: XGBoost does not call those behind one that ends training.
    """

    def __init__(self, part: Part, early_stopping_rounds: int | None) -> None:
        super().__init__()
        self._part = part
        self.history: list[dict[str, float]] = []
        self.stopping = (
            None
            if early_stopping_rounds is None
            else xgboost.callback.EarlyStopping(rounds=early_stopping_rounds, data_name="evaluate")
        )

    @property
    def stopped(self) -> bool:
        """Whether early stopping had ended training already when the checkpoint was written."""
        return self.stopping is not None and self.stopping.current_rounds >= self.stopping.rounds

    def restore(self) -> xgboost.Booster | None:
        """Return the booster of the last checkpoint, and take up metrics and early stopping where they were."""
        with self._part.checkpoints.last() as folder:
            if folder is None:
                return None
            booster = xgboost.Booster(model_file=folder / _MODEL)
            state = json.loads((folder / _STATE).read_text())
        self.history = state["history"]
        if self.stopping is not None:
            for name, value in state["stopping"].items():
                setattr(self.stopping, name, value)
        return booster

    def before_training(self, model: Any) -> Any:
        """Let early stopping see how many rounds there are already."""
        return model if self.stopping is None else self.stopping.before_training(model)

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Write down the round; tell whether training is to end."""
        ends = self.stopping is not None and self.stopping.after_iteration(model, epoch, evals_log)
        metrics = {
            f"{data}-{metric}": float(values[-1] if not isinstance(values[-1], tuple) else values[-1][0])
            for data, course in evals_log.items()
            for metric, values in course.items()
        }
        self.history.append(metrics)

        def write(folder: Path) -> None:
            model.save_model(folder / _MODEL)
            kept = ("current_rounds", "best_scores", "stopping_history", "maximize")
            stopping = {} if self.stopping is None else {name: getattr(self.stopping, name) for name in kept}
            (folder / _STATE).write_text(json.dumps({"history": self.history, "stopping": stopping}))

        self._part.checkpoints.step_done(len(self.history), metrics, write)
        return ends
