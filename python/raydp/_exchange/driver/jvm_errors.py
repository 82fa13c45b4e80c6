"""Which of raydp's errors an exception of the exchange in the JVM stands for: the one of the same name.

``UnsupportedTypeException`` is :class:`~raydp.errors.UnsupportedTypeError`. Only a ``DataException`` is another error:
the one that an agent raised. Its message begins with the error's name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raydp._spark.java_errors import ERRORS
from raydp.errors import ExchangeError, RaydpError

if TYPE_CHECKING:
    from raydp._spark.java_errors import JavaCause

__all__ = ["error_for", "error_in_text"]

_EXCEPTION = re.compile(r"io\.raydp\.exchange\.(?:columns\.)?(\w+)Exception")
_EXCEPTION_IN_TEXT = re.compile(rf"{_EXCEPTION.pattern}: (.+)")


def error_for(cause: JavaCause) -> RaydpError | None:
    """Return the error for one Java exception, or ``None`` if it is not one of the exchange's."""
    found = _EXCEPTION.fullmatch(cause.class_name)
    return None if found is None else _error_of(found[1], cause.message)


def error_in_text(cause: JavaCause) -> RaydpError | None:
    """Return the error that a Java exception only quotes, as Spark's scheduler does if it gets no more than text."""
    found = _EXCEPTION_IN_TEXT.search(cause.message)
    if found is None:
        return None
    message = found[2].strip()
    known = _error_of(found[1], message)
    if known is None or type(known) is ExchangeError:
        return ExchangeError(f"A Spark task could not exchange its rows: {message}")
    return known


def _error_of(exception: str, message: str) -> RaydpError | None:
    name, text = f"{exception}Error", message
    if exception == "Data":
        name, _, text = message.partition(": ")
    error_type = ERRORS.get(name)
    return None if error_type is None else error_type(text)
