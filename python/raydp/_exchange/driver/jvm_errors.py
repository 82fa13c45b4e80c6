"""Which of raydp's errors an exception of the exchange in the JVM stands for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raydp import errors
from raydp.errors import ExchangeError, RaydpError, UnsupportedTypeError

if TYPE_CHECKING:
    from raydp._spark.java_errors import JavaCause

__all__ = ["error_for", "error_in_text"]

_PACKAGE = "io.raydp.exchange."
_ERROR_TYPES: dict[str, type[RaydpError]] = {
    _PACKAGE + "columns.UnsupportedTypeException": UnsupportedTypeError,
    _PACKAGE + "ExchangeException": ExchangeError,
}
_DATA = _PACKAGE + "DataException"
_ERROR_IN_TEXT = re.compile(rf"({re.escape(_PACKAGE)}(?:ExchangeException|columns\.\w+Exception|DataException)): (.+)")


def error_for(cause: JavaCause) -> RaydpError | None:
    """Return the error for one Java exception, or ``None`` if it is not one of the exchange's."""
    if cause.class_name == _DATA:
        return _error_of_data(cause.message)
    error_type = _ERROR_TYPES.get(cause.class_name)
    return None if error_type is None else error_type(cause.message)


def error_in_text(cause: JavaCause) -> RaydpError | None:
    """Return the error that a Java exception only quotes, as Spark's scheduler does if it gets no more than text."""
    in_text = _ERROR_IN_TEXT.search(cause.message)
    if in_text is None:
        return None
    if in_text[1] == _DATA:
        return _error_of_data(in_text[2].strip())
    return ExchangeError(f"A Spark task could not exchange its rows: {in_text[2].strip()}")


def _error_of_data(message: str) -> RaydpError:
    """Return the error that an agent raised: the JVM's message begins with its name."""
    name, _, text = message.partition(": ")
    error_type: type[RaydpError] = getattr(errors, name)
    return error_type(text)
