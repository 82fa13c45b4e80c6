"""Params of a stage for the hyperparameters of its estimator, with getters and setters."""

from __future__ import annotations

import functools
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Self

from pyspark.ml.param import Param, Params

from raydp._configuration.suggestions import did_you_mean
from raydp._estimators.hyperparameters import to_camel_case

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from raydp._estimators.hyperparameters import Hyperparameter

__all__ = ["HasHyperparameters"]

_OTHER_ATTRIBUTES = ("uid", "arguments", "estimator", "result")  # of the stages' objects, and not of their classes


class HasHyperparameters(Params):
    """A stage whose Params depend on its estimator.

    They are attributes of the object, and not of its class. So are the getters and setters of all Params, which are
    looked up by name, because a copy of the stage needs its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self._hyperparameters: dict[str, Hyperparameter] = {}

    def __getattr__(self, name: str) -> Any:
        """Return a getter or a setter. Only called if there is no attribute of this name."""
        if name.startswith("_"):  # also before there is any attribute, when a copy is made
            raise AttributeError(name)
        kind, param = name[:3], self._accessors().get(name)
        if param is not None:
            return functools.partial(self.getOrDefault if kind == "get" else self._set_param, param)
        known = [*self._names(), *self._accessors()]
        others = self._other_names()
        nearest = f"Did you mean {others[name]}? " if name in others else did_you_mean(name, known)
        raise AttributeError(
            f"{type(self).__name__} has no attribute and no Param of this name: {name}. {nearest}"
            "explainParams() describes the Params"
        )

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *self._accessors()]

    def set(self, param: Param[Any], value: Any) -> None:
        """Set a Param, without a check by the estimator."""
        self._shouldOwn(param)
        self._set(**{param.name: value})

    @abstractmethod
    def _set_param(self, name: str, value: Any) -> Self:
        """Set a Param, as its setter does, and return the stage."""

    @abstractmethod
    def _settable(self) -> list[str]:
        """Return the names of the Params that have a setter."""

    def _add_hyperparameters(self, found: Iterable[Hyperparameter], arguments: Mapping[str, Any]) -> None:
        """Add a Param for each hyperparameter. Its default is what the estimator has with these arguments."""
        taken = {*dir(type(self)), *_OTHER_ATTRIBUTES}
        self._hyperparameters = {one.param: one for one in found if one.param not in taken}
        for name, one in self._hyperparameters.items():
            setattr(self, name, Param(self, name, one.doc, one.convert))
        self._params = None  # pyspark's list of the Params
        self._read_defaults(arguments)

    def _read_defaults(self, arguments: Mapping[str, Any]) -> None:
        """Make what the estimator has with these arguments the defaults."""
        for name, one in self._hyperparameters.items():
            self._defaultParamMap[getattr(self, name)] = one.read(arguments)

    def _names(self) -> list[str]:
        """Return the names of all Params. pyspark's ``params`` asks for all attributes, which needs this list."""
        return sorted(name for name, value in vars(self).items() if isinstance(value, Param))

    def _accessors(self) -> dict[str, str]:
        """Return the name of the Param for each getter and setter that the class does not define."""
        names = {"get": self._names(), "set": self._settable()}
        found = {f"{kind}{name[0].upper()}{name[1:]}": name for kind in names for name in names[kind]}
        return {accessor: name for accessor, name in found.items() if not hasattr(type(self), accessor)}

    def _other_names(self) -> dict[str, str]:
        """Return the name of the Param for each name that others have for it."""
        found: dict[str, str] = {}
        for one in self._hyperparameters.values():
            for other in (one.name, *getattr(one, "aliases", ()), *one.others):
                found |= {name: one.param for name in (other, to_camel_case(other)) if name != one.param}
        return found
