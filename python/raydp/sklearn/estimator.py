"""``SklearnEstimator``: trains a scikit-learn estimator in a Ray worker, with its joblib tasks on the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from raydp._configuration.arguments import check_whole_number
from raydp._configuration.public_names import public_in
from raydp._estimators.configuration import Options, configure
from raydp._estimators.estimator import Estimator
from raydp._estimators.frameworks import require
from raydp._estimators.signatures import with_options
from raydp.errors import InvalidArgumentError

require("sklearn", extra="sklearn")

from sklearn.utils import get_tags  # noqa: E402

from raydp.sklearn.hyperparameters import list_hyperparameters  # noqa: E402
from raydp.sklearn.learner import SklearnLearner  # noqa: E402  (imports scikit-learn)
from raydp.sklearn.model import check_model, check_weights, find_column_needs  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raydp._estimators.hyperparameters import Hyperparameter

__all__ = ["SklearnEstimator"]


@public_in("raydp.sklearn")
@with_options(Options, checkpoint_every=1)
class SklearnEstimator(Estimator):
    """Trains scikit-learn estimators on Spark DataFrames, Ray Datasets and pandas frames.

    One worker trains. An estimator with ``partial_fit`` gets the rows block by block, ``num_epochs`` times, so the
    rows need not fit into the worker's memory. Any other estimator gets all rows at once. What it does in parallel
    (forests, grid search, everything with ``n_jobs``) then runs in ``num_workers`` Ray processes.

    The model is a copy of the one that you pass. A classifier learns the labels as they are.

    The model gets a matrix of doubles. It gets a pandas frame, with the names and types of the columns, if it contains
    a ``ColumnTransformer``, or if some features are strings, categories, dates or timestamps. These need a part that
    reads them, such as an encoder. Histogram gradient boosting reads strings as categories.

    ``nulls="keep"`` is supported if the model accepts missing values. ``checkpoint_every`` counts epochs of
    ``partial_fit``. ``seed`` sets the model's ``random_state``, if it has one. There are no callbacks.

    Args:
        model: An estimator or a pipeline of scikit-learn, or one with the same methods.
        label_column: The column to predict; ``None`` for an estimator that learns without labels.
        num_workers: Number of Ray processes for joblib, in addition to the one that trains; 1 (the default): none,
            joblib uses the CPUs of the process that trains.
        resources_per_worker: Ray resources of each process; one CPU by default.
        num_epochs: How many times ``partial_fit`` gets the rows; 1 by default.
        options: See :class:`raydp.estimator.Configuration`.

    Raises:
        InvalidArgumentError: An argument has a wrong value.
        UnknownArgumentError: An argument does not exist.
        MissingRequirementError: scikit-learn is not installed. Importing the class raises it.
    """

    def __init__(
        self,
        model: Any,
        label_column: str | None,
        num_workers: int = 1,
        resources_per_worker: Mapping[str, float] | None = None,
        *,
        num_epochs: int = 1,
        **options: Unpack[Options],
    ) -> None:
        check_model(model)
        check_whole_number("num_epochs", num_epochs)
        if options.get("callbacks"):
            raise InvalidArgumentError("scikit-learn has no callbacks; remove the argument callbacks")
        complete: Options = {"checkpoint_every": 1, **options}
        # Whether an imputer is in a ColumnTransformer, only its fit tells.
        handles_missing = bool(get_tags(model).input_tags.allow_nan) or find_column_needs(model).names
        configuration = configure(
            label_column, num_workers, resources_per_worker, complete, handles_missing=handles_missing
        )
        if configuration.weight_column is not None:
            check_weights(model, configuration.weight_column)
        super().__init__(SklearnLearner(model, num_epochs), configuration)

    @classmethod
    def hyperparameters(cls, arguments: Mapping[str, Any]) -> tuple[Hyperparameter, ...]:
        """Return the hyperparameters of the model that stages of Spark ML have as Params."""
        return list_hyperparameters(arguments.get("model"))
