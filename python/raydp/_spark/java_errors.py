"""Turns exceptions of the driver JVM into raydp's errors. The only place that takes Py4J's errors apart.

An exception of ours rarely arrives alone: Spark wraps it, and Py4J wraps what Spark raised. A caller says which error
a single Java exception stands for, and this module applies that to the exception and its causes, outermost first::

    def _error_for(cause: JavaCause) -> RaydpError | None:
        if cause.class_name == "io.raydp.exchange.ExchangeException":
            return ExchangeError(cause.message)
        return None

    with translated_errors(_error_for, no_answer=ExchangeError):
        jvm.io.raydp.exchange.RayBlocks.releaseAll()

Exceptions that no cause explains, such as Spark's own ``AnalysisException``, pass through unchanged. To translate an
error that was caught elsewhere, call :func:`translated`.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from py4j.protocol import Py4JError, Py4JJavaError

from raydp import errors
from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from py4j.java_gateway import JavaObject

    from raydp.errors import RaydpError

__all__ = [
    "ERRORS",
    "JavaCause",
    "Translation",
    "causes",
    "describe",
    "translated",
    "translated_errors",
]

ERRORS: dict[str, type[RaydpError]] = {name: getattr(errors, name) for name in errors.__all__}
"""raydp's errors by their names. The JVM names the error that an exception stands for."""

_DEEPEST_CAUSE = 20  # Java allows circular causes


@dataclass(frozen=True)
class JavaCause:
    """One exception in a chain of causes.

    Attributes:
        class_name: Full name of its class.
        message: Its message; ``"null"`` if it has none.
        exception: The exception itself, for properties that only one class has; ``None`` if it was thrown on a Spark
            Connect server.
    """

    class_name: str
    message: str
    exception: JavaObject


Translation: TypeAlias = "Callable[[JavaCause], RaydpError | None]"
"""Returns the error that one Java exception stands for, or ``None`` if it does not know the exception."""


def causes(error: Py4JJavaError) -> Iterator[JavaCause]:
    """Return the Java exception behind an error, then its cause, then the cause of that, and so on."""
    exception = error.java_exception
    for _ in range(_DEEPEST_CAUSE):
        if exception is None:
            return
        yield JavaCause(str(exception.getClass().getName()), str(exception.getMessage()), exception)
        exception = exception.getCause()


def translated(error: Py4JJavaError, translate: Translation) -> RaydpError | None:
    """Return the error for the first cause that ``translate`` knows, or ``None`` if it knows none."""
    return next((known for cause in causes(error) if (known := translate(cause)) is not None), None)


def describe(error: Py4JJavaError) -> str:
    """Return class and message of a Java exception. The JVM must still run: ``str(error)`` would ask it, too."""
    return str(error.java_exception.toString())


@contextlib.contextmanager
def translated_errors(translate: Translation, *, no_answer: type[RaydpError]) -> Iterator[None]:
    """Raise raydp's errors for those of calls to the JVM.

    Args:
        translate: Which error a Java exception stands for.
        no_answer: What to raise if the JVM does not answer, for example because Spark was stopped.
    """
    try:
        yield
    except Py4JJavaError as error:
        known = translated(error, translate)
        if known is None:
            raise
        raise known from error
    except SessionError as error:  # the JVM has ended
        raise (error if no_answer is SessionError else no_answer(str(error))) from error.__cause__
    except (Py4JError, OSError) as error:
        raise no_answer(f"The Spark driver's JVM does not answer; was Spark stopped meanwhile? {error}") from error
