"""Checks of arguments that several public functions take."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from raydp.errors import InvalidArgumentError

__all__ = ["check_whole_number", "is_whole_number"]


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
