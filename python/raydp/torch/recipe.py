"""The user's PyTorch model, optimizer, loss and training options: check them, and create objects from them."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raydp._estimators.frameworks import EpochOptions

__all__ = ["Recipe"]

_CLASS_LOSSES = (torch.nn.CrossEntropyLoss, torch.nn.NLLLoss, torch.nn.MultiMarginLoss)
_BINARY_LOSSES = (torch.nn.BCELoss, torch.nn.BCEWithLogitsLoss)


@dataclass(frozen=True)
class Recipe:
    """Arguments of :class:`~raydp.torch.TorchEstimator`, which documents them."""

    model: Any
    optimizer: Any
    loss: Any
    scheduler: Callable[..., Any] | None
    scheduler_step: str
    feature_type: torch.dtype | Sequence[torch.dtype] | None
    label_type: torch.dtype | None
    epochs: EpochOptions

    def check(self) -> None:
        """Raise InvalidArgumentError for the first thing that is wrong."""
        for name in ("model", "optimizer", "loss"):
            value = getattr(self, name)
            if value is None or not (callable(value) or isinstance(value, torch.optim.Optimizer)):
                raise InvalidArgumentError(
                    f"{name} must be a PyTorch object or a function that creates one; got: {value!r}"
                )
        self.make_loss()
        self.epochs.check()
        if self.scheduler_step not in ("batch", "epoch"):
            raise InvalidArgumentError(f"scheduler_step_freq must be 'batch' or 'epoch'; got: {self.scheduler_step!r}")
        types = self._feature_types()
        if not types or not all(isinstance(one, torch.dtype) for one in types):
            raise InvalidArgumentError(f"feature_types takes a torch.dtype or a list of them; got: {types}")

    def _feature_types(self) -> list[torch.dtype]:
        if self.feature_type is None:
            return [torch.float32]
        return [self.feature_type] if isinstance(self.feature_type, torch.dtype) else list(self.feature_type)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the features' tensor: the one to which the types of all columns are promoted."""
        return functools.reduce(torch.promote_types, self._feature_types())

    @property
    def is_binary(self) -> bool:
        """Whether the loss takes one output for two classes."""
        return isinstance(self.make_loss(), _BINARY_LOSSES)

    @property
    def classifies(self) -> bool | None:
        """Whether the loss is for classification; ``None``: unknown."""
        return True if isinstance(self.make_loss(), (*_CLASS_LOSSES, *_BINARY_LOSSES)) else None

    def make_model(self) -> torch.nn.Module:
        """Return the user's module, or a new one from the user's function.

        Raises:
            InvalidArgumentError: The user's function returned something else.
        """
        made = self.model if isinstance(self.model, torch.nn.Module) else _call(self.model)
        if not isinstance(made, torch.nn.Module):
            raise InvalidArgumentError(
                f"model must be a torch.nn.Module or a function that creates one; the function returned: {made!r}"
            )
        return made

    def make_optimizer(self, model: torch.nn.Module) -> torch.optim.Optimizer:
        """Return an optimizer for a model's parameters."""
        if not isinstance(self.optimizer, torch.optim.Optimizer):
            made = _call(self.optimizer, model)
            if not isinstance(made, torch.optim.Optimizer):
                raise InvalidArgumentError(f"optimizer must create a torch.optim.Optimizer; it returned: {made!r}")
            return made
        settings = {name: value for name, value in self.optimizer.param_groups[0].items() if name != "params"}
        accepted = inspect.signature(type(self.optimizer).__init__).parameters
        return type(self.optimizer)(
            model.parameters(), **{name: value for name, value in settings.items() if name in accepted}
        )

    def make_scheduler(self, optimizer: torch.optim.Optimizer) -> Any:
        """Return a learning rate scheduler, or ``None``."""
        return None if self.scheduler is None else _call(self.scheduler, optimizer)

    def make_loss(self) -> Callable[..., Any]:
        """Return the loss as a function of (outputs, labels).

        Raises:
            InvalidArgumentError: The user's function returned something else.
        """
        loss = self.loss
        if not isinstance(loss, torch.nn.Module | type) and _count_required_arguments(loss) == 1:
            loss = loss({})  # RayDP 1.6 accepted functions that create it
        made: Callable[..., Any] = loss() if isinstance(loss, type) else loss
        if not callable(made):
            raise InvalidArgumentError(
                f"loss must be a loss module, a function of (outputs, labels), or create one; it returned: {made!r}"
            )
        return made

    def probabilities(self, outputs: torch.Tensor) -> torch.Tensor:
        """Convert a classifier's outputs, shape (rows, outputs), to probabilities.

        Outputs are logits, except for losses that take probabilities or their logarithms.
        """
        loss = self.make_loss()
        if isinstance(loss, torch.nn.NLLLoss):
            return outputs.exp()
        if outputs.shape[1] == 1:
            return outputs[:, 0] if isinstance(loss, torch.nn.BCELoss) else outputs[:, 0].sigmoid()
        return outputs.softmax(dim=1)


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a user's function. If it takes one more argument, pass an empty ``config``, as RayDP 1.6 did."""
    required = _count_required_arguments(function)
    return function(*arguments, {}) if required is not None and required > len(arguments) else function(*arguments)


def _count_required_arguments(function: Callable[..., Any]) -> int | None:
    """Return the number of required positional arguments; ``None``: unknown, for a builtin."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return None
    return sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
