"""The metric by which a search compares its trials, and which of its values are better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from raydp._configuration.suggestions import did_you_mean
from raydp._estimators.scorers import is_scorer, list_scorers, name_metric, resolve_metrics
from raydp.errors import InvalidArgumentError, MissingRequirementError

__all__ = ["DIRECTIONS", "Mode", "SearchMetric", "resolve_search_metric"]

Mode = Literal["min", "max"]

DIRECTIONS: dict[str, Mode] = {
    "rmse": "min",
    "mae": "min",
    "r2": "max",
    "accuracy": "max",
    "logloss": "min",
    "auc": "max",
}
"""The metrics that ``Estimator.evaluate`` has in any case, and which values of them are better."""


@dataclass(frozen=True)
class SearchMetric:
    """The metric of a search.

    Attributes:
        name: Its name in the results.
        mode: Whether smaller or greater values are better.
        asked: What to ask ``Estimator.evaluate`` for; ``None``: nothing, it has the metric in any case.
    """

    name: str
    mode: Mode
    asked: dict[str, str | Callable[..., Any]] | None


def resolve_search_metric(metric: Any, mode: Any) -> SearchMetric:
    """Return the metric that a user chose by a name, a scorer, a function, or a mapping of a name to one of these.

    Args:
        metric: What the user passed.
        mode: ``"min"``, ``"max"``, or ``None``: what is better for the metric.

    Raises:
        InvalidArgumentError: The metric is unknown, or nothing says which of its values are better.
    """
    name, one = metric, metric
    if isinstance(metric, Mapping):
        if len(metric) != 1 or not all(isinstance(key, str) for key in metric):
            raise InvalidArgumentError(f"metric must be one metric, such as {{'p90': scorer}}; got: {metric!r}")
        ((name, one),) = metric.items()
    elif callable(metric):
        name = name_metric(metric)
    better = _find_direction(one)
    if mode not in ("min", "max", None):
        raise InvalidArgumentError(f"mode must be 'min' or 'max'; got: {mode!r}")
    found: Mode | None = mode or better
    if found is None:
        raise InvalidArgumentError(
            "Nothing says which values of a function are better: set mode to 'min' or 'max', or pass a scorer of "
            f"scikit-learn (make_scorer), whose greatest value is the best. metric: {one!r}"
        )
    is_there = isinstance(one, str) and one in DIRECTIONS and name == one
    return SearchMetric(name, found, None if is_there else {name: one})


def _find_direction(metric: Any) -> Mode | None:
    """Return which values of a metric are better; ``None``: unknown. A loss that is a scorer is negative."""
    if isinstance(metric, str):
        if metric in DIRECTIONS:
            return DIRECTIONS[metric]
        with suppress(InvalidArgumentError, MissingRequirementError):
            resolve_metrics([metric])
            return "max"
    elif callable(metric):
        return "max" if is_scorer(metric) else None
    raise InvalidArgumentError(
        f"metric must be one of {', '.join(DIRECTIONS)}, the name of one of scikit-learn's scorers, a scorer, or a "
        f"function of (labels, predictions). {did_you_mean(metric, [*DIRECTIONS, *list_scorers()])}Got: {metric!r}"
    )
