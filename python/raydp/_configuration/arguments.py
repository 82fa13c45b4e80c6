"""Checks of arguments that several public functions take."""

from __future__ import annotations

import functools
import inspect
from numbers import Integral
from typing import TYPE_CHECKING, Any, TypeVar, cast

from raydp._configuration.suggestions import did_you_mean, got
from raydp.errors import InvalidArgumentError, UnknownArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["check_argument_names", "check_choice", "check_whole_number", "is_whole_number", "suggests_arguments"]

_Function = TypeVar("_Function", bound="Callable[..., Any]")


def is_whole_number(value: Any) -> bool:
    """Return whether a value is a whole number, also of one of NumPy's types. ``True`` and ``False`` are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_whole_number(name: str, value: Any, least: int = 1) -> int:
    """Return an argument that must be a whole number, also of one of NumPy's types, as an ``int``.

    Args:
        name: The argument, for the message.
        value: What the program passed.
        least: The smallest number that is allowed.

    Raises:
        InvalidArgumentError: The value is not a whole number, or it is too small.
    """
    if not is_whole_number(value) or value < least:
        raise InvalidArgumentError(f"{name} must be a whole number of at least {least}; got: {value!r}")
    return int(value)


def check_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    """Raise InvalidArgumentError if an argument is none of some words, with the word that is most like it."""
    words = list(choices)
    if value not in words:
        raise InvalidArgumentError(
            f"{name} must be one of {', '.join(words)}{got(repr(value), hint=did_you_mean(value, words))}"
        )


def check_argument_names(
    function: str,
    given: Iterable[str],
    known: Iterable[str],
    *,
    advice: str = "",
    elsewhere: Mapping[str, str] | None = None,
) -> None:
    """Refuse names of arguments that a function does not have, with the name that is most like each.

    Args:
        function: Name of the function, for the message.
        given: Names of the arguments that the program passed.
        known: Names of the function's arguments.
        advice: A sentence, with a space after it, to add to the message if none of the names is similar.
        elsewhere: What arguments of similar functions are called here.

    Raises:
        UnknownArgumentError: A name does not exist.
    """
    names = list(known)
    unknown = [name for name in given if name not in names]
    if unknown:
        meant = elsewhere or {}
        nearest = "".join(
            f"Did you mean {meant[name]}? " if name in meant else did_you_mean(name, names) for name in unknown
        )
        raise UnknownArgumentError(
            f"{function} has no argument of this name: {', '.join(unknown)}. {nearest or advice}"
            f"Its arguments: {', '.join(names)}"
        )


def suggests_arguments(**elsewhere: str) -> Callable[[_Function], _Function]:
    """Have a function name the most similar one of its arguments if a program passes one that does not exist.

    Python's own ``TypeError`` names only the wrong one.

    Args:
        elsewhere: What arguments of similar functions are called here.
    """

    def decorate(function: _Function) -> _Function:
        names = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            shown = f"{function.__qualname__.rpartition('.')[2]}()"
            check_argument_names(shown, kwargs, names, elsewhere=elsewhere)
            return function(*args, **kwargs)

        return cast("_Function", call)

    return decorate
