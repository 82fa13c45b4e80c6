"""``XGBoostEstimator``: gradient-boosted trees, their histograms summed over Ray workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from raydp._estimators.configuration import Options, check_callbacks, configure
from raydp._estimators.estimator import Estimator, deprecated_argument
from raydp._estimators.frameworks.boosting import check_rounds
from raydp._estimators.frameworks.requirements import require
from raydp.errors import InvalidArgumentError

require("xgboost", extra="xgboost")

from xgboost.callback import TrainingCallback  # noqa: E402

from raydp.xgboost.learner import XGBoostLearner  # noqa: E402  (imports xgboost)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["XGBoostEstimator"]


class XGBoostEstimator(Estimator):
    """Trains XGBoost models on frames.

    The rows of each worker are gathered in one matrix of float32; workers sum their histograms, so that the result
    hardly depends on how many there are, and with one worker is XGBoost's own. Classification is what the objective
    says (``binary:…``, ``multi:…``); without one, labels that are strings or booleans are classes.

    Args:
        xgboost_params: Parameters of XGBoost, such as ``{"objective": "binary:logistic", "max_depth": 6}``.
        label_column: The column to predict: numbers, or class labels of any type.
        num_workers: Training processes.
        resources_per_worker: Ray resources of each, such as ``{"CPU": 4}``; XGBoost uses a thread per CPU, and the
            GPU where there is one.
        shuffle: Deprecated; the order of the rows does not matter.
        num_boost_round: Trees (rounds) to train at most.
        early_stopping_rounds: End when the last metric on the evaluation frame has not become better for so many
            rounds; the model is the best one then.
        options: See :class:`raydp._estimators.configuration.Configuration`; ``nulls="keep"`` is possible. Callbacks
            are ``xgboost.callback.TrainingCallback``.

    Raises:
        InvalidArgumentError: An argument is wrong.
        MissingRequirementError: XGBoost is not installed (when this module is imported).
    """

    def __init__(
        self,
        xgboost_params: Mapping[str, Any],
        label_column: str,
        num_workers: int = 1,
        resources_per_worker: Mapping[str, float] | None = None,
        shuffle: bool | None = None,  # noqa: FBT001  (position as in RayDP 1.6)
        *,
        num_boost_round: int = 10,
        early_stopping_rounds: int | None = None,
        **options: Unpack[Options],
    ) -> None:
        if shuffle is not None:
            deprecated_argument(
                "shuffle", "XGBoost sums over all rows, so that neither their order nor their worker matters"
            )
        if not isinstance(label_column, str):
            raise InvalidArgumentError(f"label_column must be the name of a column; got: {label_column!r}")
        configuration = configure(
            label_column, num_workers, resources_per_worker, options, handles_missing=XGBoostLearner.handles_missing
        )
        check_callbacks(
            configuration, lambda one: isinstance(one, TrainingCallback), "xgboost.callback.TrainingCallback objects"
        )
        check_rounds(num_boost_round, early_stopping_rounds)
        if not hasattr(xgboost_params, "keys"):
            raise InvalidArgumentError(f"xgboost_params must be a mapping; got: {xgboost_params!r}")
        super().__init__(XGBoostLearner(dict(xgboost_params), num_boost_round, early_stopping_rounds), configuration)
