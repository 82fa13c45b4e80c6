"""The hyperparameters of PyTorch training that users tune, also the settings of the optimizer."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from raydp._configuration.suggestions import did_you_mean
from raydp._estimators.hyperparameters import Hyperparameter, OptimizerSetting, list_epoch_hyperparameters
from raydp.errors import InvalidArgumentError
from raydp.torch.recipe import creates_optimizer, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["HYPERPARAMETERS"]


@dataclass(frozen=True)
class _Setting(OptimizerSetting):
    """A setting of the optimizer."""

    def read(self, arguments: Mapping[str, Any]) -> Any:
        """Return the value in the optimizer; ``None``: it has none, or the user's function decides."""
        optimizer = arguments.get("optimizer")
        if isinstance(optimizer, torch.optim.Optimizer):
            return optimizer.param_groups[0].get(self.name)
        if optimizer is None or not creates_optimizer(optimizer):
            return None
        found = inspect.signature(optimizer).parameters.get(self.name)
        return None if found is None or found.default is found.empty else found.default

    def replace(self, optimizer: Any, value: Any) -> Any:
        """Return an optimizer, or a function that creates it, with another value."""
        if isinstance(optimizer, torch.optim.Optimizer):
            settings = read_settings(optimizer)
            _check(self.name, settings)
            return functools.partial(type(optimizer), **{**settings, self.name: value})
        if creates_optimizer(optimizer):
            return functools.partial(optimizer, **{self.name: value})
        return _create_and_set(optimizer, self.name, value)


def _create_and_set(function: Callable[..., Any], name: str, value: Any) -> Callable[..., Any]:
    @functools.wraps(function)  # its signature says what raydp passes
    def make(*arguments: Any) -> Any:
        optimizer = function(*arguments)
        for group in getattr(optimizer, "param_groups", ()):
            _check(name, group)
            group[name] = value
        return optimizer

    return make


def _check(name: str, settings: Mapping[str, Any]) -> None:
    if name not in settings:
        raise InvalidArgumentError(
            f"The optimizer has no setting of this name. {did_you_mean(name, settings)}Name: {name}; "
            f"its settings: {', '.join(one for one in settings if one != 'params')}"
        )


HYPERPARAMETERS: tuple[Hyperparameter, ...] = (
    *list_epoch_hyperparameters(64),
    _Setting("lr", "number", "learning rate of the optimizer (lr)", param="learningRate", others=("step_size", "eta")),
    _Setting("weight_decay", "number", "weight decay of the optimizer", others=("reg_param",)),
    _Setting("momentum", "number", "momentum of the optimizer"),
)
