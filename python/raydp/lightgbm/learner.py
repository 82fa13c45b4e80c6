"""Train with LightGBM in one worker, and predict with the model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import lightgbm
import numpy as np

from raydp._estimators.frameworks import BoostingLearner, TrainedModel, TrainingWorker

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from raydp._estimators.data.labels import Classes

__all__ = ["LightGBMLearner"]

_MODEL, _STATE = "model.txt", "state.json"
_FORBIDDEN_IN_NAMES = '",:[]{}'
_BINARY = ("binary", "cross_entropy")
_MULTICLASS = ("multiclass", "softmax", "multiclassova", "multiclass_ova", "ova", "ovr")


@dataclass(frozen=True)
class LightGBMLearner(BoostingLearner):
    """LightGBM with its parameters."""

    framework: ClassVar[str] = "lightgbm"
    file_name: ClassVar[str] = _MODEL
    multiclass_objective: ClassVar[str] = "multiclass"
    handles_infinite: ClassVar[bool] = True
    needs_all_evaluation_rows: ClassVar[bool] = True  # LightGBM computes metrics of the worker's own rows only

    @property
    def features_type(self) -> type[np.floating[Any]]:  # type: ignore[override]
        """Doubles, as LightGBM compares them."""
        return np.float64

    @property
    def classifies(self) -> bool | None:
        """Whether the objective is for classification; without one, the labels decide."""
        objective = self.params.get("objective")
        return None if objective is None else objective in (*_BINARY, *_MULTICLASS)

    @property
    def is_binary(self) -> bool:
        """Whether the objective is for two classes."""
        return self.params.get("objective") in _BINARY

    def distributed_trainer_class(self) -> Any:
        """Return Ray Train's trainer for LightGBM."""
        from ray.train.lightgbm import LightGBMTrainer

        return LightGBMTrainer

    def train(self, worker: TrainingWorker) -> TrainedModel | None:
        """Train, starting from the latest checkpoint if there is one."""
        params = self.parameters(worker)
        datasets = {"train": _build_dataset(worker, worker.train_shard, params)}
        if worker.evaluation_shard is not None:
            reference = datasets["train"]
            datasets["evaluate"] = _build_dataset(worker, worker.evaluation_shard, params, reference=reference)
        recorder = _RoundRecorder(worker, self.early_stopping_rounds)
        booster = recorder.restore()
        left = self.rounds - len(recorder.history)
        if left > 0 and not recorder.stopped:
            booster = lightgbm.train(
                params,
                datasets["train"],
                num_boost_round=left,
                valid_sets=list(datasets.values()),
                valid_names=list(datasets),
                init_model=booster,
                callbacks=[*worker.configuration.callbacks, recorder],
                keep_training_booster=True,
            )
        if worker.rank != 0 or booster is None:
            return None
        best = recorder.best + 1 if self.early_stopping_rounds is not None else None
        return TrainedModel(booster.model_to_string(num_iteration=best).encode(), recorder.history, best)

    def parameters(self, worker: TrainingWorker) -> dict[str, Any]:
        """Return the parameters to train with: the user's, and those that follow from the estimator's arguments."""
        found: dict[str, Any] = {"num_threads": worker.threads, "verbosity": -1}
        objective = self.params.get("objective")
        if worker.classes is not None and objective is None:
            found["objective"] = objective = "binary" if len(worker.classes) == 2 else "multiclass"
        if worker.classes is not None and objective in _MULTICLASS:
            found["num_class"] = len(worker.classes)
        if worker.configuration.seed is not None:
            found |= {"seed": worker.configuration.seed, "deterministic": True}
        if worker.worker_count > 1:
            from ray.train.lightgbm import get_network_params

            found |= {"tree_learner": "data", "pre_partition": True, **get_network_params()}
        return {**found, **self.params}

    def load(self, content: bytes) -> lightgbm.Booster:
        """Return the booster."""
        return lightgbm.Booster(model_str=content.decode())

    def compute_importances(self, model: lightgbm.Booster) -> NDArray[Any]:
        """Return how many splits use each feature, as ``LGBMModel.feature_importances_`` does."""
        return np.asarray(model.feature_importance("split"))

    def find_best_step(self, model: lightgbm.Booster) -> int:
        """Return the last round: with early stopping, the best one."""
        return int(model.current_iteration()) - 1

    def predict_scores(self, model: lightgbm.Booster, features: NDArray[Any], classes: Classes | None) -> NDArray[Any]:
        """Return probabilities or values."""
        del classes
        return np.asarray(model.predict(features))


def _build_dataset(
    worker: TrainingWorker, shard: Any, params: dict[str, Any], reference: lightgbm.Dataset | None = None
) -> lightgbm.Dataset:
    rows, layout = worker.load_all_rows(shard, np.float64), worker.layout
    bounds = np.cumsum([0, *layout.widths])
    return lightgbm.Dataset(
        rows.features,
        label=rows.labels,
        weight=rows.weights,
        feature_name=layout.usable_names(_FORBIDDEN_IN_NAMES) or "auto",
        categorical_feature=[int(bounds[layout.features.index(name)]) for name in layout.vocabularies] or "auto",
        reference=reference,
        params=params,
        free_raw_data=False,  # to resume from a checkpoint, LightGBM predicts for it
    )


class _RoundRecorder:
    """Callback that records the metrics of each round, stops early and saves checkpoints."""

    order = 40  # after LightGBM's own callbacks
    before_iteration = False

    def __init__(self, worker: TrainingWorker, early_stopping_rounds: int | None) -> None:
        self._worker = worker
        self._rounds = early_stopping_rounds
        self.history: list[dict[str, float]] = []
        self.best = 0
        self.stopped = False

    def restore(self) -> lightgbm.Booster | None:
        """Restore the state from the latest checkpoint, and return its booster; ``None``: there is no checkpoint."""
        with self._worker.checkpoints.open_latest() as folder:
            if folder is None:
                return None
            booster = lightgbm.Booster(model_file=folder / _MODEL)
            state = json.loads((folder / _STATE).read_text())
        self.history, self.best, self.stopped = state["history"], state["best"], state["stopped"]
        return booster

    def __call__(self, env: Any) -> None:
        results = [(result[0], result[1], float(result[2]), result[3]) for result in env.evaluation_result_list]
        # With several workers, the training metrics are those of this worker's rows only.
        of_all_rows = [one for one in results if one[0] != "train" or self._worker.worker_count == 1]
        metrics = {f"{data}-{metric}": value for data, metric, value, _ in of_all_rows}
        self.history.append(metrics)
        watched = next((one for one in results if one[0] == "evaluate"), None)
        if self._rounds is not None and watched is not None:
            name, larger_is_better = f"evaluate-{watched[1]}", watched[3]
            best = self.history[self.best][name]
            if watched[2] > best if larger_is_better else watched[2] < best:
                self.best = len(self.history) - 1
            self.stopped = len(self.history) - 1 - self.best >= self._rounds

        def write(folder: Path) -> None:
            env.model.save_model(folder / _MODEL)
            state = {"history": self.history, "best": self.best, "stopped": self.stopped}
            (folder / _STATE).write_text(json.dumps(state))

        self._worker.checkpoints.report_step(len(self.history), metrics, write)
        if self.stopped:
            raise lightgbm.callback.EarlyStopException(self.best, env.evaluation_result_list)
