"""Ends a context that has no JVM any more when the program asks PySpark for another one."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from pyspark import SparkConf, SparkContext

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["end_dead_contexts_first"]

_MARK = "_raydp_original"


def end_dead_contexts_first(end_if_dead: Callable[[], None]) -> None:
    """Call a function before PySpark looks for the running session or context, and before it makes a ``SparkConf``.

    Idempotent.

    Why: until the program calls ``stop``, ``getOrCreate`` returns the session or the context that is dead, and each
    ``SparkConf`` is an object of the dead JVM. A PySpark that survives the end of its JVM would replace this.

    Args:
        end_if_dead: Ends the running context of ours if its JVM or its Ray has ended.
    """
    from pyspark.sql import SparkSession

    if hasattr(SparkConf.__init__, _MARK):
        return

    def after_ending(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def function(*args: Any, **kwargs: Any) -> Any:
            end_if_dead()
            return original(*args, **kwargs)

        setattr(function, _MARK, original)
        return function

    SparkConf.__init__ = after_ending(SparkConf.__init__)  # type: ignore[method-assign]
    SparkSession.Builder.getOrCreate = after_ending(SparkSession.Builder.getOrCreate)  # type: ignore[method-assign]
    SparkContext.getOrCreate = staticmethod(after_ending(SparkContext.getOrCreate))  # type: ignore[method-assign]
