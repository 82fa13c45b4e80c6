"""The hyperparameters of an estimator: their names, their types, and where its arguments have them.

``raydp.ml`` makes a Param of each. Each framework has a ``hyperparameters.py`` with its table.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np

from raydp._configuration.arguments import is_whole_number
from raydp.errors import InvalidArgumentError

__all__ = [
    "COMMON",
    "Hyperparameter",
    "Kind",
    "OptimizerSetting",
    "ParameterOf",
    "PartOf",
    "list_epoch_hyperparameters",
    "list_round_hyperparameters",
    "to_camel_case",
]

Kind = Literal["whole number", "number", "text", "flag", "value"]
_EXPECTED = {"whole number": "a whole number", "number": "a number", "text": "a string", "flag": "True or False"}


@dataclass(frozen=True)
class Hyperparameter:
    """An argument of an estimator that users tune.

    Attributes:
        name: Its name in the estimator or in the framework.
        kind: What its values are; ``"value"``: anything, the framework checks it.
        doc: What it means.
        default: The value without one of the user's; ``None``: the framework's.
        param: Name of the Param; by default ``name`` in camel case, as MLlib writes names.
        others: What others call it, to suggest the right name.
    """

    name: str
    kind: Kind
    doc: str
    default: Any = None
    param: str = ""
    others: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.param:
            object.__setattr__(self, "param", to_camel_case(self.name))

    def convert(self, value: Any) -> Any:
        """Return a value in the type of the hyperparameter; ``None`` stays as it is.

        Raises:
            InvalidArgumentError: It has another type.
        """
        if value is None or self.kind == "value" or (self.kind == "text" and isinstance(value, str)):
            return value
        if self.kind == "flag" and isinstance(value, bool | np.bool_):
            return bool(value)
        if self.kind == "number" and _is_number(value):
            return float(value)
        if self.kind == "whole number" and _is_number(value) and (is_whole_number(value) or float(value).is_integer()):
            return int(value)
        raise InvalidArgumentError(f"{self.param} must be {_EXPECTED[self.kind]}; got: {value!r}")

    def is_in(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether arguments of the estimator have a value of it."""
        return self.name in arguments

    def read(self, arguments: Mapping[str, Any]) -> Any:
        """Return the value that the estimator would have with these arguments; ``None``: the framework's default."""
        found = arguments.get(self.name)
        return self.default if found is None else found

    def write(self, arguments: Mapping[str, Any], value: Any) -> dict[str, Any]:
        """Return the arguments with another value; ``None``: with the default."""
        left = {name: one for name, one in arguments.items() if name != self.name}
        return left if value is None else {**left, self.name: value}


@dataclass(frozen=True)
class ParameterOf(Hyperparameter):
    """A parameter of the framework, in a mapping that is an argument of the estimator.

    Attributes:
        mapping: The argument, such as ``"xgboost_params"``.
        aliases: Other names that the framework takes for it. A new value replaces one under another name.
    """

    mapping: str = ""
    aliases: tuple[str, ...] = ()

    def is_in(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether the mapping has it, under any of its names."""
        found = arguments.get(self.mapping)
        return isinstance(found, Mapping) and any(name in found for name in (self.name, *self.aliases))

    def read(self, arguments: Mapping[str, Any]) -> Any:
        """Return the value in the mapping; ``None``: the framework's default."""
        found = arguments.get(self.mapping)
        names = [name for name in (self.name, *self.aliases) if isinstance(found, Mapping) and name in found]
        return self.default if not names or found is None else found[names[0]]

    def write(self, arguments: Mapping[str, Any], value: Any) -> dict[str, Any]:
        """Return the arguments with another value in the mapping."""
        found = arguments.get(self.mapping) or {}
        left = {name: one for name, one in found.items() if name not in (self.name, *self.aliases)}
        return {**arguments, self.mapping: left if value is None else {**left, self.name: value}}


@dataclass(frozen=True)
class PartOf(Hyperparameter):
    """A part of an object that is an argument of the estimator, such as a model. A new value replaces the object's."""

    def is_in(self, arguments: Mapping[str, Any]) -> bool:
        """Return False: the object always has its parts, so that no argument contradicts a new value."""
        del arguments
        return False


@dataclass(frozen=True)
class OptimizerSetting(PartOf, ABC):
    """A setting of the optimizer of a neural network."""

    def write(self, arguments: Mapping[str, Any], value: Any) -> dict[str, Any]:
        """Return the arguments with an optimizer that has another value; ``None``: with the same one."""
        if value is None:
            return dict(arguments)
        optimizer = arguments.get("optimizer")
        if optimizer is None:
            raise InvalidArgumentError(f"{self.param} is a setting of the optimizer: add one to the arguments")
        return {**arguments, "optimizer": self.replace(optimizer, value)}

    @abstractmethod
    def replace(self, optimizer: Any, value: Any) -> Any:
        """Return an optimizer, in one of the forms that the estimator takes, with another value.

        Raises:
            InvalidArgumentError: The optimizer has no setting of this name.
        """


def to_camel_case(name: str) -> str:
    """Return a name as MLlib writes names: ``maxDepth`` for ``max_depth``. The parts of a nested name are kept."""
    if "__" in name:
        return name
    first, *others = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


COMMON = (
    Hyperparameter("num_workers", "whole number", "number of training processes", 1),
    Hyperparameter("seed", "whole number", "seed of everything random in training", others=("random_state",)),
)


def list_round_hyperparameters(other: str) -> tuple[Hyperparameter, ...]:
    """Return what boosted trees share.

    Args:
        other: What the framework itself also calls the number of rounds.
    """
    return (
        *COMMON,
        Hyperparameter(
            "num_boost_round",
            "whole number",
            "number of rounds (trees) to train",
            10,
            others=("n_estimators", other, "num_trees", "max_iter"),
        ),
        Hyperparameter(
            "early_stopping_rounds", "whole number", "stop after this number of rounds without an improvement"
        ),
    )


def list_epoch_hyperparameters(batch_size: int) -> tuple[Hyperparameter, ...]:
    """Return what neural networks share.

    Args:
        batch_size: The default of the estimator.
    """
    return (
        *COMMON,
        Hyperparameter("num_epochs", "whole number", "number of epochs", 1, others=("max_iter", "num_iterations")),
        Hyperparameter(
            "batch_size", "whole number", "rows of a batch in each worker", batch_size, others=("block_size",)
        ),
        Hyperparameter("shuffle", "flag", "whether to shuffle the rows in each epoch", default=True),
        Hyperparameter("drop_last", "flag", "whether to leave out the last batch if it is smaller", default=False),
        Hyperparameter(
            "early_stopping_epochs", "whole number", "stop after this number of epochs without a smaller loss"
        ),
    )
