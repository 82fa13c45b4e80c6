"""Check a scikit-learn estimator with scikit-learn's own means, before there is any data."""

from __future__ import annotations

import inspect
from typing import Any

import sklearn.base
from sklearn.pipeline import Pipeline

from raydp.errors import InvalidArgumentError

__all__ = ["check_model", "check_weights", "weight_argument"]


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
