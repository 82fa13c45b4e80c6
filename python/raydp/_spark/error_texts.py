"""Keeps what Spark's exceptions say for the time after their JVM has ended.

PySpark's and Py4J's exceptions ask their JVM for their text each time that they are printed. A session on Ray ends its
JVM when it is stopped, and a query that failed is often printed after that. So each exception asks when it is made.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError
from pyspark.errors.exceptions import captured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["keep_error_texts"]

_ANSWERS = "_raydp_answers"
# PySpark 4 warns of the former name, and its own method calls the new one.
_CONDITION = "getCondition" if hasattr(captured.CapturedException, "getCondition") else "getErrorClass"
_OF_EXCEPTIONS = ("__str__", _CONDITION, "getMessageParameters", "getSqlState", "getMessage", "getQueryContext")
_OF_CONTEXTS = ("objectType", "objectName", "startIndex", "stopIndex", "fragment", "callSite", "summary")
# The JVM has no answer for these.
_NOT_OF_SQL = frozenset({"callSite"})
_NOT_OF_DATAFRAMES = frozenset({"objectType", "objectName", "startIndex", "stopIndex"})


def keep_error_texts() -> None:
    """Let all exceptions that the JVM raises from now on keep what they say; idempotent."""
    if hasattr(Py4JJavaError.__init__, _ANSWERS):
        return
    _keep(Py4JJavaError, ["__str__"])
    _keep(captured.CapturedException, _OF_EXCEPTIONS)
    if hasattr(captured, "SQLQueryContext"):  # since Spark 4.0
        _keep(captured.SQLQueryContext, [name for name in _OF_CONTEXTS if name not in _NOT_OF_SQL])
        _keep(captured.DataFrameQueryContext, [name for name in _OF_CONTEXTS if name not in _NOT_OF_DATAFRAMES])


def _keep(base: type[Any], methods: Iterable[str]) -> None:
    """Call methods without arguments when an object of a class is made, and return these answers from then on."""
    names = tuple(methods)
    original_init = base.__init__

    @functools.wraps(original_init)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original_init(self, *args, **kwargs)
        answers = {}
        for name in names:
            try:
                answers[name] = getattr(self, name)()
            except Exception:  # the caller of the method gets it
                continue
        vars(self)[_ANSWERS] = answers

    setattr(init, _ANSWERS, True)
    base.__init__ = init
    for one in _with_subclasses(base):
        for name in names:
            if name in vars(one):
                setattr(one, name, _answering(name, vars(one)[name]))


def _answering(name: str, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(original)
    def method(self: Any) -> Any:
        answers = vars(self).get(_ANSWERS, {})
        return answers[name] if name in answers else original(self)

    return method


def _with_subclasses(base: type[Any]) -> Iterator[type[Any]]:
    yield base
    for one in base.__subclasses__():
        yield from _with_subclasses(one)
