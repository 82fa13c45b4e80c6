"""The user's PyTorch model, optimizer, loss and training options: check them, and create objects from them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from raydp._configuration.arguments import check_argument_names, check_choice
from raydp._configuration.suggestions import find_nearest
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from raydp._estimators.data.layout import Layout
    from raydp._estimators.frameworks import EpochOptions, InputOptions

__all__ = ["Recipe", "creates_optimizer", "read_settings"]

_CLASS_LOSSES = (torch.nn.CrossEntropyLoss, torch.nn.NLLLoss, torch.nn.MultiMarginLoss)
_BINARY_LOSSES = (torch.nn.BCELoss, torch.nn.BCEWithLogitsLoss)
_LOSS = torch.nn.modules.loss._Loss  # noqa: SLF001  (PyTorch has no public base class of its losses)
_KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "model": ("a module", (torch.optim.Optimizer, _LOSS)),
    "optimizer": ("an optimizer", (torch.nn.Module, torch.optim.lr_scheduler.LRScheduler)),
    "loss": ("a loss", (torch.optim.Optimizer,)),
}
"""What each argument must be, and what is taken for it by mistake."""
_PASSED = {"model": "()", "optimizer": "(model)", "lr_scheduler_creator": "(optimizer)"}
"""What raydp passes to the function of an argument."""
_MODULES = {"model": torch.nn, "optimizer": torch.optim, "loss": torch.nn}
"""Where the objects of an argument are, for suggestions."""


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
    input_options: InputOptions

    def check(self) -> None:
        """Raise InvalidArgumentError for the first thing that is wrong."""
        for name, module in _MODULES.items():
            value = getattr(self, name)
            if value is None or not (callable(value) or isinstance(value, torch.optim.Optimizer)):
                raise InvalidArgumentError(
                    f"{name} must be a PyTorch object or a function that creates one. {_suggest(value, module)}"
                    f"Got: {value!r}"
                )
        self._check_kinds()
        self.make_loss()
        self.epochs.check()
        check_choice("scheduler_step_freq", self.scheduler_step, ("batch", "epoch"))
        self._check_types()

    def _check_kinds(self) -> None:
        """Raise InvalidArgumentError for an object of PyTorch in the place of another, or one that lacks arguments."""
        for name, (kind, others) in _KINDS.items():
            value = getattr(self, name)
            if isinstance(value, others) or (isinstance(value, type) and issubclass(value, others)):
                raise InvalidArgumentError(f"{name} must be {kind}, not another object of PyTorch; got: {value!r}")
        for name, passed in (("model", 0), ("optimizer", 1), ("scheduler", 1)):
            value = getattr(self, name)
            if value is None or isinstance(value, torch.nn.Module | torch.optim.Optimizer):
                continue
            argument = "lr_scheduler_creator" if name == "scheduler" else name
            if not callable(value):
                raise InvalidArgumentError(f"{argument} must be a function that creates one; got: {value!r}")
            _check_call(argument, value, passed)

    def _check_types(self) -> None:
        types = self._feature_types() if isinstance(self.feature_type, torch.dtype | Iterable | None) else []
        if not types or not all(isinstance(one, torch.dtype) for one in types):
            raise InvalidArgumentError(
                f"feature_types takes a torch.dtype or a list of them. {_suggest(self.feature_type, torch)}"
                f"Got: {self.feature_type!r}"
            )
        if self.label_type is not None and not isinstance(self.label_type, torch.dtype):
            raise InvalidArgumentError(
                f"label_type takes a torch.dtype. {_suggest(self.label_type, torch)}Got: {self.label_type!r}"
            )

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

    def make_inputs(self, features: NDArray[Any], device: torch.device | str = "cpu") -> torch.Tensor:
        """Return features, shape (rows, width), as the model takes them."""
        inputs = torch.from_numpy(features).to(device, self.dtype)
        shape = self.input_options.shape
        return inputs if shape is None else inputs.reshape(len(features), *shape)

    def make_zeros(self, layout: Layout, device: torch.device | str = "cpu") -> torch.Tensor:
        """Return the inputs of two rows of zeros."""
        return torch.zeros(2, *(self.input_options.shape or (layout.width,)), dtype=self.dtype, device=device)

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
            creates = creates_optimizer(self.optimizer)
            made = self.optimizer(model.parameters()) if creates else _call(self.optimizer, model)
            if not isinstance(made, torch.optim.Optimizer):
                raise InvalidArgumentError(f"optimizer must create a torch.optim.Optimizer; it returned: {made!r}")
            return made
        return type(self.optimizer)(model.parameters(), **read_settings(self.optimizer))

    def make_scheduler(self, optimizer: torch.optim.Optimizer) -> Any:
        """Return a learning rate scheduler, or ``None``."""
        if self.scheduler is None:
            return None
        creates = _is_class_of(self.scheduler, torch.optim.lr_scheduler.LRScheduler)
        return self.scheduler(optimizer) if creates else _call(self.scheduler, optimizer)

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


def creates_optimizer(function: Any) -> bool:
    """Return whether a function is the class of an optimizer, perhaps in a ``functools.partial``."""
    return _is_class_of(function, torch.optim.Optimizer)


def read_settings(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the settings of an optimizer that its class takes."""
    accepted = inspect.signature(type(optimizer).__init__).parameters
    return {name: value for name, value in optimizer.param_groups[0].items() if name != "params" and name in accepted}


def _suggest(given: object, module: types.ModuleType) -> str:
    """Return a suggestion for a name, where an object of this module is needed."""
    if not isinstance(given, str):
        return ""
    ending = "Loss" if module is torch.nn else ""
    names = [name for name in dir(module) if not name.startswith("_")]
    nearest = find_nearest(given, names) or find_nearest(given + ending, names)
    return "" if nearest is None else f"Did you mean {module.__name__}.{nearest}? "


def _is_class_of(function: Any, base: type) -> bool:
    """Return whether a function is a class, perhaps with some of its arguments in a ``functools.partial``."""
    kind = function.func if isinstance(function, functools.partial) else function
    return isinstance(kind, type) and issubclass(kind, base)


def _check_call(name: str, function: Callable[..., Any], passed: int) -> None:
    """Raise InvalidArgumentError if a function cannot be called with what raydp passes to it.

    It is not called: a first optimizer imports PyTorch's compiler, which takes seconds.
    """
    kinds = (torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler)
    most = passed if any(_is_class_of(function, kind) for kind in kinds) else passed + 1  # a config, as in RayDP 1.6
    required = _count_required_arguments(function)
    try:
        if isinstance(function, functools.partial):
            names = inspect.signature(function.func).parameters
            if not any(one.kind is one.VAR_KEYWORD for one in names.values()):
                check_argument_names(name, function.keywords, names)
        inspect.signature(function).bind(*range(max(passed, min(required or 0, most))))
    except TypeError as error:
        raise InvalidArgumentError(
            f"raydp cannot call this {name}: {error}. Pass the other arguments with functools.partial, or a function "
            f"of {_PASSED[name]}. Got: {function!r}"
        ) from error
    except ValueError:
        return  # a builtin has no signature


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
