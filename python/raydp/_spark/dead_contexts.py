"""A context whose JVM has ended: it is ended when the program asks for another one, and its own calls say so."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from pyspark import SparkConf, SparkContext

from raydp._spark.gateway_internals import end_of
from raydp._spark.replaced_functions import is_replaced, mark_replacement, replace_methods

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["end_dead_contexts_first", "explain_lost_files"]


def end_dead_contexts_first(end_if_dead: Callable[[], None]) -> None:
    """Call a function before PySpark looks for the running session or context, and before it makes a ``SparkConf``.

    Idempotent.

    Why: until the program calls ``stop``, ``getOrCreate`` returns the session or the context that is dead, and each
    ``SparkConf`` is an object of the dead JVM. A PySpark that survives the end of its JVM would replace this.

    Args:
        end_if_dead: Ends the running context of ours if its JVM or its Ray has ended.
    """
    from pyspark.sql import SparkSession

    if is_replaced(SparkConf.__init__):
        return

    def after_ending(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def function(*args: Any, **kwargs: Any) -> Any:
            end_if_dead()
            return original(*args, **kwargs)

        mark_replacement(function, original)
        return function

    SparkConf.__init__ = after_ending(SparkConf.__init__)  # type: ignore[method-assign]
    SparkSession.Builder.getOrCreate = after_ending(SparkSession.Builder.getOrCreate)  # type: ignore[method-assign]
    SparkContext.getOrCreate = staticmethod(after_ending(SparkContext.getOrCreate))  # type: ignore[method-assign]


def explain_lost_files() -> None:
    """Let ``parallelize`` and ``broadcast`` say that the JVM has ended, not that a file is missing; idempotent.

    Why: they write their values into a folder of the JVM before they call it, and the folder ends with the JVM. A
    PySpark that asks the JVM first would replace this.
    """
    replace_methods(SparkContext, ("_serialize_to_jvm", "broadcast"), _explained)


def _explained(original: Any) -> Any:
    @functools.wraps(original)
    def write(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(self, *args, **kwargs)
        except FileNotFoundError:
            end = end_of(self._gateway)
            error = None if end is None else end.find_error(after_failure=True)
            if error is None:
                raise
            raise error from None

    return write
