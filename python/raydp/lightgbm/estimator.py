"""``LightGBMEstimator``: LightGBM's gradient-boosted trees, trained by Ray workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from raydp._configuration.public_names import public_in
from raydp._estimators.configuration import Options, check_callbacks, check_label_column, configure
from raydp._estimators.estimator import Estimator
from raydp._estimators.frameworks import check_boosting_arguments, require
from raydp._estimators.signatures import with_options

require("lightgbm", extra="lightgbm")

from raydp.lightgbm.hyperparameters import HYPERPARAMETERS  # noqa: E402
from raydp.lightgbm.learner import LightGBMLearner  # noqa: E402  (imports lightgbm)
from raydp.lightgbm.parameters import normalize_parameters  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raydp._estimators.hyperparameters import Hyperparameter

__all__ = ["LightGBMEstimator"]


@public_in("raydp.lightgbm")
@with_options(Options)
class LightGBMEstimator(Estimator):
    """Trains LightGBM models on Spark DataFrames, Ray Datasets and pandas frames.

    Workers train data-parallel (``tree_learner="data"``): each worker finds the splits of some of the features from
    the histograms of all workers. Each worker evaluates with the whole evaluation frame. The objective decides
    whether labels are classes (``binary``, ``multiclass``, ``multiclassova``, ``cross_entropy``). Without an
    objective, strings and booleans are classes.

    LightGBM itself checks the names and values of its parameters when the estimator is made. ``nulls="keep"`` is
    supported. Callbacks are functions, as those of ``lightgbm.callback``.

    Args:
        lightgbm_params: LightGBM's parameters, such as ``{"objective": "binary", "num_leaves": 31}``.
        label_column: The column to predict: numbers, or class labels of any type.
        num_workers: Number of training processes; 1 by default.
        resources_per_worker: Ray resources of each process, such as ``{"CPU": 4}``; one CPU by default. LightGBM uses
            a thread per CPU.
        num_boost_round: Number of rounds (trees) to train; 10 by default.
        early_stopping_rounds: Stop if the first metric on the evaluation frame has not improved for this number of
            rounds, and keep the best model; ``None`` (the default): train all rounds.
        options: See :class:`raydp.estimator.Configuration`.

    Raises:
        InvalidArgumentError: An argument has a wrong value.
        UnknownArgumentError: An argument does not exist.
        MissingRequirementError: LightGBM is not installed. Importing the class raises it.
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
        check_label_column(label_column)
        check_boosting_arguments("lightgbm_params", lightgbm_params, num_boost_round, early_stopping_rounds)
        params = normalize_parameters(lightgbm_params)
        configuration = configure(
            label_column, num_workers, resources_per_worker, options, handles_missing=LightGBMLearner.handles_missing
        )
        check_callbacks(configuration, callable, "functions, as those of lightgbm.callback")
        super().__init__(LightGBMLearner(params, num_boost_round, early_stopping_rounds), configuration)

    @classmethod
    def hyperparameters(cls, arguments: Mapping[str, Any]) -> tuple[Hyperparameter, ...]:
        """Return the hyperparameters that stages of Spark ML have as Params."""
        del arguments
        return HYPERPARAMETERS
