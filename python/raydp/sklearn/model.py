"""Check a scikit-learn estimator with scikit-learn's own means, before there is any data."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import sklearn.base
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from raydp.errors import InvalidArgumentError

__all__ = ["ColumnNeeds", "check_model", "check_weights", "find_column_needs", "weight_argument"]


@dataclass(frozen=True)
class ColumnNeeds:
    """How a model reads the columns of a frame.

    Attributes:
        names: It selects columns by name.
        texts: It reads strings, dates and timestamps: one of its parts is an encoder, a ``FunctionTransformer``, or
            not one of scikit-learn's own classes.
        categories: It learns from pandas' categories, and not from strings.
    """

    names: bool
    texts: bool
    categories: bool


def find_column_needs(model: Any) -> ColumnNeeds:
    """Return how a model reads columns, from its parts."""
    parts = [one for one in (model, *model.get_params(deep=True).values()) if hasattr(one, "fit")]
    names = any(isinstance(one, ColumnTransformer) for one in parts)
    texts = names or any(_reads_texts(one) for one in parts)
    trees = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
    categories = not texts and any(isinstance(one, trees) and one.categorical_features is not None for one in parts)
    return ColumnNeeds(names, texts, categories)


def _reads_texts(part: Any) -> bool:
    own = type(part).__module__.startswith("sklearn.")
    return not own or isinstance(part, FunctionTransformer) or get_tags(part).input_tags.categorical


def check_model(model: Any) -> None:
    """Check that an object is an estimator that can be copied, and that scikit-learn accepts its parameters.

    Raises:
        InvalidArgumentError: It is not.
    """
    if isinstance(model, type):
        raise InvalidArgumentError(
            f"model must be an estimator, not its class: pass {model.__name__}(). Got: {model!r}"
        )
    if not (hasattr(model, "fit") and hasattr(model, "get_params")):
        raise InvalidArgumentError(f"model must be an estimator of scikit-learn; got: {model!r}")
    try:
        sklearn.base.clone(model)
    except (TypeError, RuntimeError) as error:
        raise InvalidArgumentError(f"scikit-learn cannot copy this model. Got: {model!r}; {error}") from error
    parts = {"model": model, **model.get_params(deep=True)}
    for name, part in parts.items():
        validate = getattr(part, "_validate_params", None)  # which every estimator of scikit-learn calls in its fit
        if validate is None or isinstance(part, type):
            continue
        try:
            validate()
        except (TypeError, ValueError) as error:
            raise InvalidArgumentError(f"scikit-learn refuses a parameter of the model. {name}: {error}") from error


def check_weights(model: Any, column: str) -> None:
    """Raise InvalidArgumentError if a model cannot learn from weighted rows."""
    learner = model.steps[-1][1] if isinstance(model, Pipeline) else model
    parameters = inspect.signature(getattr(learner, "partial_fit", learner.fit)).parameters
    takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    if not takes_any and "sample_weight" not in parameters:
        raise InvalidArgumentError(
            "This model cannot weight rows: its fit has no sample_weight. Use another model, or no weight_column. "
            f"Model: {type(learner).__name__}, weight_column: {column!r}"
        )


def weight_argument(model: Any) -> str:
    """Return the name under which ``fit`` takes the weights. A pipeline passes them to its last step."""
    return f"{model.steps[-1][0]}__sample_weight" if isinstance(model, Pipeline) else "sample_weight"
