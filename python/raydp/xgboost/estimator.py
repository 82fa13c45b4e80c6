"""``XGBoostEstimator``: XGBoost's gradient-boosted trees, trained by Ray workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from raydp._configuration.public_names import public_in
from raydp._estimators.configuration import Options, check_callbacks, check_label_column, configure
from raydp._estimators.estimator import Estimator, warn_deprecated
from raydp._estimators.frameworks import check_boosting_arguments, require
from raydp._estimators.signatures import with_options

require("xgboost", extra="xgboost")

from xgboost.callback import TrainingCallback  # noqa: E402

from raydp.xgboost.hyperparameters import HYPERPARAMETERS  # noqa: E402
from raydp.xgboost.learner import XGBoostLearner  # noqa: E402  (imports xgboost)
from raydp.xgboost.parameters import check_parameters  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raydp._estimators.hyperparameters import Hyperparameter

__all__ = ["XGBoostEstimator"]


@public_in("raydp.xgboost")
@with_options(Options)
class XGBoostEstimator(Estimator):
    """Trains XGBoost models on Spark DataFrames, Ray Datasets and pandas frames.

    Each worker loads its rows into one float32 matrix. The workers sum their histograms, so the model hardly depends
    on the number of workers. With one worker it is the model that XGBoost alone would train. The objective decides
    whether labels are classes (``binary:…``, ``multi:…``). Without an objective, strings and booleans are classes.

    XGBoost itself checks the names and values of its parameters when the estimator is made. ``nulls="keep"`` is
    supported. Callbacks are ``xgboost.callback.TrainingCallback`` objects.

    Args:
        xgboost_params: XGBoost's parameters, such as ``{"objective": "binary:logistic", "max_depth": 6}``.
        label_column: The column to predict: numbers, or class labels of any type.
        num_workers: Number of training processes; 1 by default.
        resources_per_worker: Ray resources of each process, such as ``{"CPU": 4}``; one CPU by default. XGBoost uses
            a thread per CPU, and the GPU if there is one.
        shuffle: Deprecated; the order of the rows does not matter.
        num_boost_round: Number of rounds (trees) to train; 10 by default.
        early_stopping_rounds: Stop if the last metric on the evaluation frame has not improved for this number of
            rounds, and keep the best model; ``None`` (the default): train all rounds.
        options: See :class:`raydp.estimator.Configuration`.

    Raises:
        InvalidArgumentError: An argument has a wrong value.
        UnknownArgumentError: An argument does not exist.
        MissingRequirementError: XGBoost is not installed. Importing the class raises it.
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
            warn_deprecated("shuffle", "XGBoost sums over all rows, so their order does not matter")
        check_label_column(label_column)
        check_boosting_arguments("xgboost_params", xgboost_params, num_boost_round, early_stopping_rounds)
        check_parameters(xgboost_params)
        configuration = configure(
            label_column, num_workers, resources_per_worker, options, handles_missing=XGBoostLearner.handles_missing
        )
        check_callbacks(
            configuration, lambda one: isinstance(one, TrainingCallback), "xgboost.callback.TrainingCallback objects"
        )
        super().__init__(XGBoostLearner(dict(xgboost_params), num_boost_round, early_stopping_rounds), configuration)

    @classmethod
    def hyperparameters(cls, arguments: Mapping[str, Any]) -> tuple[Hyperparameter, ...]:
        """Return the hyperparameters that stages of Spark ML have as Params."""
        del arguments
        return HYPERPARAMETERS
