"""``SklearnEstimator``: any estimator of scikit-learn, in a Ray worker, its joblib tasks on the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from raydp._estimators.configuration import Options, configure, whole_number
from raydp._estimators.estimator import Estimator
from raydp._estimators.frameworks.requirements import require
from raydp.errors import InvalidArgumentError

require("sklearn", extra="sklearn")

from sklearn.utils import get_tags  # noqa: E402

from raydp.sklearn.learner import SklearnLearner  # noqa: E402  (imports scikit-learn)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SklearnEstimator"]


class SklearnEstimator(Estimator):
    """Trains estimators of scikit-learn on frames.

    One with ``partial_fit`` is given the rows block by block, ``num_epochs`` times, and never holds them all. Any
    other is given all rows at once, in the memory of one worker, and what it does in parallel (forests, grid search:
    everything with ``n_jobs``) runs on ``num_workers`` Ray processes.

    The model is a copy of the one given. A classifier learns the labels as they are.

    Args:
        model: An estimator of scikit-learn's kind, a pipeline of them too.
        label_column: The column to predict; ``None`` for those that learn without labels.
        num_workers: Processes for joblib, beside the one that trains; 1: none, joblib uses the training one's CPUs.
        resources_per_worker: Ray resources of each process.
        num_epochs: How often ``partial_fit`` sees the rows.
        options: See :class:`raydp._estimators.configuration.Configuration`; ``nulls="keep"`` where the model takes
            missing values. There are no callbacks. ``checkpoint_every`` (1) counts epochs of ``partial_fit``. ``seed``
            becomes the model's ``random_state``, where it has one.

    Raises:
        InvalidArgumentError: An argument is wrong.
        MissingRequirementError: scikit-learn is not installed (when this module is imported).
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
        if isinstance(model, type) or not (hasattr(model, "fit") and hasattr(model, "get_params")):
            raise InvalidArgumentError(f"model must be an estimator of scikit-learn; got: {model!r}")
        whole_number("num_epochs", num_epochs)
        if options.get("callbacks"):
            raise InvalidArgumentError("scikit-learn has no callbacks; leave them out")
        complete: Options = {"checkpoint_every": 1, **options}
        handles_missing = bool(get_tags(model).input_tags.allow_nan)
        configuration = configure(
            label_column, num_workers, resources_per_worker, complete, handles_missing=handles_missing
        )
        super().__init__(SklearnLearner(model, num_epochs), configuration)
