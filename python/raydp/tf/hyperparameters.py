"""The hyperparameters of Keras training that users tune, also the settings of the optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras

from raydp._configuration.suggestions import did_you_mean
from raydp._estimators.hyperparameters import Hyperparameter, OptimizerSetting, list_epoch_hyperparameters
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HYPERPARAMETERS"]


@dataclass(frozen=True)
class _Setting(OptimizerSetting):
    """A setting of the optimizer."""

    def read(self, arguments: Mapping[str, Any]) -> Any:
        """Return the value in the optimizer; ``None`` if there is no optimizer, or if it has no such number."""
        optimizer = _get_optimizer(arguments.get("optimizer"))
        value = None if optimizer is None else optimizer.get_config().get(self.name)
        return value if isinstance(value, int | float) else None  # a schedule is an object

    def replace(self, optimizer: Any, value: Any) -> Any:
        """Return an optimizer with another value."""
        known = _get_optimizer(optimizer)
        if known is None:
            return optimizer  # the estimator says what is wrong with it
        settings = known.get_config()
        if self.name not in settings:
            raise InvalidArgumentError(
                f"The optimizer has no setting of this name. {did_you_mean(self.name, settings)}Name: {self.name}; "
                f"settings of {type(known).__name__}: {', '.join(settings)}"
            )
        return type(known).from_config({**settings, self.name: value})


def _get_optimizer(given: Any) -> Any:
    """Return the optimizer as an object; ``None``: there is none, or Keras does not know it."""
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
