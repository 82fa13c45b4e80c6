"""Training and prediction with LightGBM, in one worker of several."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import lightgbm
import numpy as np

from raydp._estimators.frameworks.boosting import BoostingLearner
from raydp._estimators.frameworks.learner import Part, Trained, plain_trainer

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
    evaluates_everywhere: ClassVar[bool] = True  # its metrics are of the worker's own rows

    @property
    def features_type(self) -> type[np.floating[Any]]:  # type: ignore[override]
        """LightGBM compares doubles."""
        return np.float64

    @property
    def classifies(self) -> bool | None:
        """Whether the objective is one of classification; without one, the labels decide."""
        objective = self.params.get("objective")
        return None if objective is None else objective in (*_BINARY, *_MULTICLASS)

    @property
    def is_binary(self) -> bool:
        """Whether the objective is one for two classes."""
        return self.params.get("objective") in _BINARY

    def trainer(self, workers: int) -> Any:
        """Return Ray Train's trainer for LightGBM, or its plain one, which imports less, for a worker alone."""
        if workers == 1:
            return plain_trainer()
        from ray.train.lightgbm import LightGBMTrainer

        return LightGBMTrainer

    def train(self, part: Part) -> Trained | None:
        """Train, going on from the last checkpoint if there is one."""
        params = self.parameters(part)
        watched = {"train": _dataset(part, part.train, params)}
        if part.evaluate is not None:
            watched["evaluate"] = _dataset(part, part.evaluate, params, reference=watched["train"])
        course = _Course(part, self.early_stopping_rounds)
        booster = course.restore()
        left = self.rounds - len(course.history)
        if left > 0 and not course.ended:
            booster = lightgbm.train(
                params,
                watched["train"],
                num_boost_round=left,
                valid_sets=list(watched.values()),
                valid_names=list(watched),
                init_model=booster,
                callbacks=[*part.configuration.callbacks, course],
                keep_training_booster=True,
            )
        if part.rank != 0 or booster is None:
            return None
        best = course.best + 1 if self.early_stopping_rounds is not None else None
        return Trained(booster.model_to_string(num_iteration=best).encode(), course.history)

    def parameters(self, part: Part) -> dict[str, Any]:
        """Return the parameters to train with: the user's, and what follows from the estimator's arguments."""
        found: dict[str, Any] = {"num_threads": part.threads, "verbosity": -1}
        objective = self.params.get("objective")
        if part.classes is not None and objective is None:
            found["objective"] = objective = "binary" if len(part.classes) == 2 else "multiclass"
        if part.classes is not None and objective in _MULTICLASS:
            found["num_class"] = len(part.classes)
        if part.configuration.seed is not None:
            found |= {"seed": part.configuration.seed, "deterministic": True}
        if part.workers > 1:
            from ray.train.lightgbm import get_network_params

            found |= {"tree_learner": "data", "pre_partition": True, **get_network_params()}
        return {**found, **self.params}

    def load(self, model: bytes) -> lightgbm.Booster:
        """Return the booster."""
        return lightgbm.Booster(model_str=model.decode())

    def score(self, model: lightgbm.Booster, features: NDArray[Any], classes: Classes | None) -> NDArray[Any]:
        """Return probabilities or values."""
        if len(features) == 0:
            return np.empty((0, len(classes)) if classes is not None and len(classes) > 2 else (0,))
        return np.asarray(model.predict(features))


def _dataset(
    part: Part, shard: Any, params: dict[str, Any], reference: lightgbm.Dataset | None = None
) -> lightgbm.Dataset:
    rows = part.all_rows(shard, np.float64)
    return lightgbm.Dataset(
        rows.features,
        label=rows.labels,
        weight=rows.weights,
        feature_name=part.layout.names_without(_FORBIDDEN_IN_NAMES) or "auto",
        reference=reference,
        params=params,
        free_raw_data=False,  # it is needed to go on from a checkpoint
    )


class _Course:
    """Callback that writes down the metrics of each round, stops early and keeps checkpoints."""

    order = 40  # behind those that LightGBM brings
    before_iteration = False

    def __init__(self, part: Part, early_stopping_rounds: int | None) -> None:
        self._part = part
        self._rounds = early_stopping_rounds
        self.history: list[dict[str, float]] = []
        self.best = 0
        self.ended = False

    def restore(self) -> lightgbm.Booster | None:
        """Return the booster of the last checkpoint, and take up metrics and early stopping where they were."""
        with self._part.checkpoints.last() as folder:
            if folder is None:
                return None
            booster = lightgbm.Booster(model_file=folder / _MODEL)
            state = json.loads((folder / _STATE).read_text())
        self.history, self.best, self.ended = state["history"], state["best"], state["ended"]
        return booster

    def __call__(self, env: Any) -> None:
        results = [(result[0], result[1], float(result[2]), result[3]) for result in env.evaluation_result_list]
        shown = [one for one in results if one[0] != "train" or self._part.workers == 1]  # else of its own rows alone
        metrics = {f"{data}-{metric}": value for data, metric, value, _ in shown}
        self.history.append(metrics)
        watched = next((one for one in results if one[0] == "evaluate"), None)
        if self._rounds is not None and watched is not None:
            name, larger_is_better = f"evaluate-{watched[1]}", watched[3]
            best = self.history[self.best][name]
            if watched[2] > best if larger_is_better else watched[2] < best:
                self.best = len(self.history) - 1
            self.ended = len(self.history) - 1 - self.best >= self._rounds

        def write(folder: Path) -> None:
            env.model.save_model(folder / _MODEL)
            state = {"history": self.history, "best": self.best, "ended": self.ended}
            (folder / _STATE).write_text(json.dumps(state))

        self._part.checkpoints.step_done(len(self.history), metrics, write)
        if self.ended:
            raise lightgbm.callback.EarlyStopException(self.best, env.evaluation_result_list)
