"""Metrics that need all predictions at once: scikit-learn's scorers, by name or as objects, and functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from raydp._configuration.suggestions import did_you_mean
from raydp.errors import InvalidArgumentError, MissingRequirementError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Metrics", "Predicted", "compute_scores", "is_scorer", "list_scorers", "name_metric", "resolve_metrics"]

Metrics = Sequence[str | Callable[..., Any]] | Mapping[str, str | Callable[..., Any]]
_ALIASES = {"pr_auc": "average_precision", "prauc": "average_precision", "aucpr": "average_precision"}
_OWN = ("rmse", "mae", "r2", "accuracy", "logloss", "auc")


@dataclass(frozen=True)
class Predicted:
    """Rows with their predictions, in any order.

    Attributes:
        labels: The labels as they are in the frame, shape (rows,).
        predictions: The predicted labels or values, shape (rows,) or (rows, outputs).
        probabilities: The probabilities of the classes, shape (rows, classes); ``None`` for a regression.
        classes: The classes; ``None`` for a regression.
        weights: Shape (rows,); ``None``: all rows weigh the same.
    """

    labels: NDArray[Any]
    predictions: NDArray[Any]
    probabilities: NDArray[Any] | None
    classes: NDArray[Any] | None
    weights: NDArray[Any] | None

    def with_two_numbers(self) -> Predicted:
        """Return the rows with the labels 0 and 1, if there are two classes."""
        if self.classes is None or len(self.classes) != 2:
            return self
        labels, predictions = (
            (values == self.classes[1]).astype(np.int64) for values in (self.labels, self.predictions)
        )
        return replace(self, labels=labels, predictions=predictions, classes=np.array([0, 1]))


@dataclass(frozen=True)
class _NamedScorer:
    """A scorer of scikit-learn that the user named. The second of two classes is the positive one, as for ``auc``."""

    scorer: Callable[..., Any]

    def __call__(self, *arguments: Any, **weights: Any) -> Any:
        return self.scorer(*arguments, **weights)


def resolve_metrics(metrics: Any) -> dict[str, str | Callable[..., Any]]:
    """Return what computes each metric, by its name in the result; a string: ``evaluate`` has this one in any case.

    Raises:
        InvalidArgumentError: A metric is unknown.
        MissingRequirementError: A metric is one of scikit-learn's, and that is not installed.
    """
    if isinstance(metrics, str) or not isinstance(metrics, Mapping | Sequence):
        raise InvalidArgumentError(
            f"metrics takes a list of names and functions, or a mapping of names to them; got: {metrics!r}"
        )
    named = metrics if isinstance(metrics, Mapping) else {name_metric(metric): metric for metric in metrics}
    return {name: _resolve(metric) for name, metric in named.items()}


def compute_scores(metrics: Mapping[str, str | Callable[..., Any]], rows: Predicted) -> dict[str, float]:
    """Compute metrics.

    Raises:
        InvalidArgumentError: A metric does not suit the label, or it does not return a number.
    """
    scores: dict[str, float] = {}
    for name, metric in metrics.items():
        if isinstance(metric, str):
            continue
        try:
            scores[name] = float(_compute(metric, rows))
        except (TypeError, ValueError, AttributeError) as error:
            raise InvalidArgumentError(
                "A metric cannot be computed from these labels and predictions. A function gets (labels, predictions), "
                "and the weights as sample_weight; a scorer of scikit-learn, such as make_scorer(...), also gets "
                f"probabilities. Metric: {name}; {type(error).__name__}: {error}"
            ) from error
    return scores


def list_scorers() -> list[str]:
    """Return the names of scikit-learn's scorers; none if it is not installed."""
    try:
        from sklearn.metrics import get_scorer_names
    except ImportError:
        return []
    return list(get_scorer_names())


def is_scorer(metric: Any) -> bool:
    """Return whether a metric is a scorer of scikit-learn, whose greatest values are the best."""
    return hasattr(metric, "_score_func")


def name_metric(metric: Any) -> str:
    """Return the name of a metric in the result of ``evaluate``."""
    if isinstance(metric, str):
        return metric
    function = getattr(metric, "_score_func", metric)  # of a scorer
    return str(getattr(function, "__name__", None) or metric)


def _resolve(metric: Any) -> str | Callable[..., Any]:
    if callable(metric):
        function: Callable[..., Any] = metric
        return function
    if isinstance(metric, str) and metric in _OWN:
        return metric
    try:
        from sklearn.metrics import get_scorer, get_scorer_names
    except ImportError as error:
        raise MissingRequirementError(
            "The metrics of this name are scikit-learn's, which is not installed; run `pip install 'raydp[sklearn]'`. "
            f"Metric: {metric!r}"
        ) from error
    known = get_scorer_names()
    name = _ALIASES.get(metric, metric) if isinstance(metric, str) else metric
    if name not in known:
        raise InvalidArgumentError(
            "There is no metric of this name. Use a function of (labels, predictions), a scorer of scikit-learn, or "
            f"the name of one (sklearn.metrics.get_scorer_names()). {did_you_mean(metric, [*_OWN, *_ALIASES, *known])}"
            f"Got: {metric!r}"
        )
    return _NamedScorer(get_scorer(name))


def _compute(metric: Callable[..., Any], rows: Predicted) -> Any:
    if isinstance(metric, _NamedScorer):
        metric, rows = metric.scorer, rows.with_two_numbers()
    function = getattr(metric, "_score_func", None)
    weights = {} if rows.weights is None or not _takes_weights(function or metric) else {"sample_weight": rows.weights}
    if function is None:
        return metric(rows.labels, rows.predictions, **weights)
    return metric(_make_model(rows), np.arange(len(rows.labels))[:, None], rows.labels, **weights)


def _takes_weights(function: Callable[..., Any]) -> bool:
    try:
        return "sample_weight" in inspect.signature(function).parameters
    except ValueError:
        return False


def _make_model(rows: Predicted) -> Any:
    """Return a model of scikit-learn that knows the predictions already. Scorers ask a model for them."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class Regressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
        def fit(self) -> None:
            """Do nothing: the rows are predicted."""

        def predict(self, _: Any) -> NDArray[Any]:
            return rows.predictions

    class Classifier(ClassifierMixin, Regressor):  # type: ignore[misc]
        _estimator_type = "classifier"
        classes_ = rows.classes

        def predict_proba(self, _: Any) -> NDArray[Any] | None:
            return rows.probabilities

    return Regressor() if rows.classes is None else Classifier()
