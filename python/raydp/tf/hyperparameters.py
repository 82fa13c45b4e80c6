"""The hyperparameters of Keras training that users tune, also the settings of the optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras

from raydp._configuration.suggestions import did_you_mean
from raydp._estimators.hyperparameters import Hyperparameter, list_epoch_hyperparameters
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HYPERPARAMETERS"]


@dataclass(frozen=True)
class _Setting(Hyperparameter):
    """A setting of the optimizer."""

    def is_in(self, arguments: Mapping[str, Any]) -> bool:
        """Return False: an optimizer always has its settings, and this replaces one of them."""
        del arguments
        return False

    def read(self, arguments: Mapping[str, Any]) -> Any:
        """Return the value in the optimizer; ``None`` if there is no optimizer, or if it has no such number."""
        optimizer = _get_optimizer(arguments)
        value = None if optimizer is None else optimizer.get_config().get(self.name)
        return value if isinstance(value, int | float) else None  # a schedule is an object

    def write(self, arguments: Mapping[str, Any], value: Any) -> dict[str, Any]:
        """Return the arguments with an optimizer that has another value; ``None``: with the same one."""
        if value is None:
            return dict(arguments)
        if arguments.get("optimizer") is None:
            raise InvalidArgumentError(f"{self.param} is a setting of the optimizer: add one to the arguments")
        optimizer = _get_optimizer(arguments)
        if optimizer is None:
            return dict(arguments)  # the estimator says what is wrong with it
        settings = optimizer.get_config()
        if self.name not in settings:
            raise InvalidArgumentError(
                f"The optimizer has no setting of this name. {did_you_mean(self.name, settings)}Name: {self.name}; "
                f"settings of {type(optimizer).__name__}: {', '.join(settings)}"
            )
        return {**arguments, "optimizer": type(optimizer).from_config({**settings, self.name: value})}


def _get_optimizer(arguments: Mapping[str, Any]) -> Any:
    """Return the optimizer as an object; ``None``: there is none, or Keras does not know it."""
    given = arguments.get("optimizer")
    try:
        return given() if isinstance(given, type) else keras.optimizers.get(given)
    except (TypeError, ValueError):
        return None


HYPERPARAMETERS: tuple[Hyperparameter, ...] = (
    *list_epoch_hyperparameters(128),
    _Setting("learning_rate", "number", "learning rate of the optimizer", others=("step_size", "lr", "eta")),
    _Setting("weight_decay", "number", "weight decay of the optimizer", others=("reg_param",)),
    _Setting("momentum", "number", "momentum of the optimizer"),
)
