"""Train with XGBoost in one worker, and predict with the model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xgboost

from raydp._estimators.frameworks import BoostingLearner, TrainedModel, TrainingWorker
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
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
        """Whether the objective is for classification; without one, the labels decide."""
        objective = self.params.get("objective")
        return None if objective is None else str(objective).startswith(("binary:", "multi:"))

    @property
    def is_binary(self) -> bool:
        """Whether the objective is for two classes."""
        return str(self.params.get("objective", "")).startswith("binary:")

    def check_data(self, layout: Layout, classes: Classes | None) -> None:
        """Raise InvalidArgumentError if the parameters do not suit the classes or the categories."""
        super().check_data(layout, classes)
        booster, method = self.params.get("booster"), self.params.get("tree_method")
        if layout.categories and (booster == "gblinear" or method == "exact"):
            raise InvalidArgumentError(
                "XGBoost has categories only with the tree methods hist and approx. Choose one of these, or encode the "
                f"columns first. booster: {booster}, tree_method: {method}; categories: "
                f"{', '.join(layout.vocabularies)}"
            )

    def distributed_trainer_class(self) -> Any:
        """Return Ray Train's trainer for XGBoost."""
        from ray.train.xgboost import XGBoostTrainer

        return XGBoostTrainer

    def train(self, worker: TrainingWorker) -> TrainedModel | None:
        """Train, starting from the latest checkpoint if there is one."""
        matrices = {"train": _build_matrix(worker, worker.train_shard)}
        if worker.evaluation_shard is not None:
            matrices["evaluate"] = _build_matrix(worker, worker.evaluation_shard)
        recorder = _RoundRecorder(worker, self.early_stopping_rounds)
        booster = recorder.restore()
        left = self.rounds - len(recorder.history)
        if left > 0 and not recorder.stopped:
            booster = xgboost.train(
                self.parameters(worker),
                matrices["train"],
                num_boost_round=left,
                evals=[(matrix, name) for name, matrix in matrices.items()],
                callbacks=[recorder, *worker.configuration.callbacks],
                xgb_model=booster,
                verbose_eval=False,
            )
        if worker.rank != 0 or booster is None:
            return None
        best = None
        if recorder.early_stopping is not None:
            best = booster.best_iteration + 1
            booster = booster[:best]
        return TrainedModel(bytes(booster.save_raw("ubj")), recorder.history, best)

    def parameters(self, worker: TrainingWorker) -> dict[str, Any]:
        """Return the parameters to train with: the user's, and those that follow from the estimator's arguments."""
        found: dict[str, Any] = {"nthread": worker.threads}
        if worker.classes is not None and "objective" not in self.params:
            found["objective"] = "binary:logistic" if len(worker.classes) == 2 else "multi:softprob"
        objective = str(self.params.get("objective", found.get("objective", "")))
        if worker.classes is not None and objective.startswith("multi:"):
            found["num_class"] = len(worker.classes)
        if worker.configuration.resources.get("GPU", 0) > 0:
            found["device"] = "cuda"
        if worker.configuration.seed is not None:
            found["seed"] = worker.configuration.seed
        return {**found, **self.params}

    def load(self, content: bytes) -> xgboost.Booster:
        """Return the booster."""
        booster = xgboost.Booster()
        booster.load_model(bytearray(content))
        return booster

    def compute_importances(self, model: xgboost.Booster) -> NDArray[Any]:
        """Return the mean gain of each feature, with the sum 1, as ``XGBModel.feature_importances_`` does."""
        is_linear = json.loads(model.save_config())["learner"]["learner_train_param"]["booster"] == "gblinear"
        found = model.get_score(importance_type="weight" if is_linear else "gain")
        names = model.feature_names or [f"f{index}" for index in range(model.num_features())]
        scores = np.array([found.get(name, 0.0) for name in names], dtype=np.float32)
        total = scores.sum()
        return scores / total if total > 0 else scores

    def find_best_step(self, model: xgboost.Booster) -> int:
        """Return the last round: with early stopping, the best one."""
        return int(model.num_boosted_rounds()) - 1

    def predict_scores(self, model: xgboost.Booster, features: NDArray[Any], classes: Classes | None) -> NDArray[Any]:
        """Return probabilities or values."""
        scores = np.asarray(model.predict(xgboost.DMatrix(features), validate_features=False))
        objective = json.loads(model.save_config())["learner"]["objective"]["name"]
        if objective == "binary:logitraw":
            return np.asarray(1 / (1 + np.exp(-scores)))
        if objective == "multi:softmax" and classes is not None:
            return np.eye(len(classes))[
                scores.astype(np.int64)
            ]  # this objective predicts the class, not its probability
        return scores


def _feature_types(layout: Layout) -> list[str] | None:
    """Return XGBoost's types of the columns, if some are categories."""
    if not layout.categories:
        return None
    vocabularies = layout.vocabularies
    columns = zip(layout.features, layout.widths, strict=True)
    return [kind for name, width in columns for kind in ["c" if name in vocabularies else "q"] * width]


def _build_matrix(worker: TrainingWorker, shard: Shard) -> xgboost.DMatrix:
    rows = worker.load_all_rows(shard)
    return xgboost.DMatrix(
        rows.features,
        label=rows.labels,
        weight=rows.weights,
        feature_names=worker.layout.usable_names(_FORBIDDEN_IN_NAMES),
        feature_types=_feature_types(worker.layout),
        enable_categorical=True,
        nthread=worker.threads,
    )


class _RoundRecorder(xgboost.callback.TrainingCallback):
    """Records the metrics of each round, stops early and saves checkpoints.

    It must be the first callback: after a callback that stops training, XGBoost does not call the others.
    """

    def __init__(self, worker: TrainingWorker, early_stopping_rounds: int | None) -> None:
        super().__init__()
        self._worker = worker
        self.history: list[dict[str, float]] = []
        self.early_stopping = (
            None
            if early_stopping_rounds is None
            else xgboost.callback.EarlyStopping(rounds=early_stopping_rounds, data_name="evaluate")
        )

    @property
    def stopped(self) -> bool:
        """Whether early stopping had stopped training before the checkpoint was written."""
        return self.early_stopping is not None and self.early_stopping.current_rounds >= self.early_stopping.rounds

    def restore(self) -> xgboost.Booster | None:
        """Restore the state from the latest checkpoint, and return its booster; ``None``: there is no checkpoint."""
        with self._worker.checkpoints.open_latest() as folder:
            if folder is None:
                return None
            booster = xgboost.Booster(model_file=folder / _MODEL)
            state = json.loads((folder / _STATE).read_text())
        self.history = state["history"]
        if self.early_stopping is not None:
            for name, value in state["early_stopping"].items():
                setattr(self.early_stopping, name, value)
        return booster

    def before_training(self, model: Any) -> Any:
        """Tell early stopping how many rounds the model already has."""
        return model if self.early_stopping is None else self.early_stopping.before_training(model)

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Record the round; return whether to stop training."""
        stops = self.early_stopping is not None and self.early_stopping.after_iteration(model, epoch, evals_log)
        metrics = {
            f"{data}-{metric}": float(values[-1] if not isinstance(values[-1], tuple) else values[-1][0])
            for data, series in evals_log.items()
            for metric, values in series.items()
        }
        self.history.append(metrics)

        def write(folder: Path) -> None:
            model.save_model(folder / _MODEL)
            names = ("current_rounds", "best_scores", "stopping_history", "maximize")
            early_stopping = self.early_stopping
            stopping = {} if early_stopping is None else {name: getattr(early_stopping, name) for name in names}
            (folder / _STATE).write_text(json.dumps({"history": self.history, "early_stopping": stopping}))

        self._worker.checkpoints.report_step(len(self.history), metrics, write)
        return stops
