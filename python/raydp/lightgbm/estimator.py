"""``LightGBMEstimator``: LightGBM's gradient-boosted trees over Ray workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from raydp._estimators.configuration import Options, check_callbacks, configure
from raydp._estimators.estimator import Estimator
from raydp._estimators.frameworks.boosting import check_rounds
from raydp._estimators.frameworks.requirements import require
from raydp.errors import InvalidArgumentError

require("lightgbm", extra="lightgbm")

from raydp.lightgbm.learner import LightGBMLearner  # noqa: E402  (imports lightgbm)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LightGBMEstimator"]


class LightGBMEstimator(Estimator):
    """Trains LightGBM models on frames.

    Workers train data-parallel (``tree_learner="data"``): each finds the splits of a part of the features from the
    histograms of all. Each measures with the whole evaluation frame. Classification is what the objective says
    (``binary``, ``multiclass``, ``multiclassova``, ``cross_entropy``); without one, labels that are strings or
    booleans are classes.

    Args:
        lightgbm_params: Parameters of LightGBM, such as ``{"objective": "binary", "num_leaves": 31}``.
        label_column: The column to predict: numbers, or class labels of any type.
        num_workers: Training processes.
        resources_per_worker: Ray resources of each, such as ``{"CPU": 4}``; LightGBM uses a thread per CPU.
        num_boost_round: Trees (rounds) to train at most.
        early_stopping_rounds: End when the first metric on the evaluation frame has not become better for so many
            rounds; the model is the best one then.
        options: See :class:`raydp._estimators.configuration.Configuration`; ``nulls="keep"`` is possible. Callbacks
            are LightGBM's.

    Raises:
        InvalidArgumentError: An argument is wrong.
        MissingRequirementError: LightGBM is not installed (when this module is imported).
    """

    def __init__(
        self,
        lightgbm_params: Mapping[str, Any],
        label_column: str,
        num_workers: int = 1,
        resources_per_worker: Mapping[str, float] | None = None,
        *,
        num_boost_round: int = 10,
        early_stopping_rounds: int | None = None,
        **options: Unpack[Options],
    ) -> None:
        if not isinstance(label_column, str):
            raise InvalidArgumentError(f"label_column must be the name of a column; got: {label_column!r}")
        if not hasattr(lightgbm_params, "keys"):
            raise InvalidArgumentError(f"lightgbm_params must be a mapping; got: {lightgbm_params!r}")
        check_rounds(num_boost_round, early_stopping_rounds)
        configuration = configure(
            label_column, num_workers, resources_per_worker, options, handles_missing=LightGBMLearner.handles_missing
        )
        check_callbacks(configuration, callable, "functions, as those of lightgbm.callback")
        super().__init__(LightGBMLearner(dict(lightgbm_params), num_boost_round, early_stopping_rounds), configuration)
