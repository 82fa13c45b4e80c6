"""The hyperparameters of scikit-learn's estimators: those of the model, by its own names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sklearn.base

from raydp._configuration.suggestions import did_you_mean
from raydp._estimators.hyperparameters import COMMON, Hyperparameter, PartOf
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["list_hyperparameters"]

_OWN = (*COMMON, Hyperparameter("num_epochs", "whole number", "how many times partial_fit gets the rows", 1))


@dataclass(frozen=True)
class _Parameter(PartOf):
    """A parameter of the model."""

    def read(self, arguments: Mapping[str, Any]) -> Any:
        """Return the value in the model."""
        return arguments["model"].get_params().get(self.name) if "model" in arguments else None

    def write(self, arguments: Mapping[str, Any], value: Any) -> dict[str, Any]:
        """Return the arguments with a model that has another value."""
        model = sklearn.base.clone(arguments["model"])
        known = model.get_params()
        if self.name not in known:
            raise InvalidArgumentError(
                f"The model has no parameter of this name. {did_you_mean(self.name, known)}Name: {self.name}; "
                f"parameters of {type(model).__name__}: {', '.join(known)}"
            )
        return {**arguments, "model": model.set_params(**{self.name: value})}


def list_hyperparameters(model: Any) -> tuple[Hyperparameter, ...]:
    """Return the hyperparameters of a model; of a pipeline also those of its steps (``ridge__alpha``).

    Args:
        model: An estimator of scikit-learn, or something else, which has none.
    """
    if isinstance(model, type) or not hasattr(model, "get_params"):
        return _OWN
    # Those of an inner estimator come after that estimator.
    names = sorted(model.get_params(), key=lambda name: name.count("__"))
    own = [_Parameter(name, "value", f"parameter {name} of {type(model).__name__}") for name in names]
    return (*_OWN, *own)
