"""Where raydp reaches into how PySpark reads what the JVM sends. Each use says why, and what would replace it.

PySpark reads the rows of ``collect`` from a connection of its own, and takes the end of this connection for the end of
the rows. A JVM that is killed, or stopped by another thread, ends it early, and PySpark returns the rows that came.
"""

from __future__ import annotations

import contextlib
import functools
import struct
from typing import TYPE_CHECKING, Any

from pyspark import SparkContext, accumulators
from pyspark.errors import PySparkException
from pyspark.traceback_utils import SCCallSiteSync

from raydp._spark.action_errors import STOP
from raydp._spark.gateway_internals import end_of
from raydp._spark.replaced_functions import is_replaced, replace_function, replace_methods
from raydp._spark.spark_versions import socket_module
from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raydp._spark.ended_jvm import JvmEnd

__all__ = ["end_accumulators_quietly", "keep_errors_of_actions", "refuse_partial_results"]

# A connection that is refused, reset or ended in the middle of a number. PySpark then fails to close what it has not
# opened.
_BROKEN = (OSError, EOFError, struct.error, PySparkException, UnboundLocalError)


def refuse_partial_results() -> None:
    """Let ``collect``, ``take``, ``toLocalIterator`` fail if their JVM ends before it has sent all rows; idempotent.

    Why: PySpark takes the end of the connection for the end of the rows. A mark at their end would replace this.
    """
    module = socket_module()
    for original, replacement in (
        (module._load_from_socket, _loading),
        (module._local_iterator_from_socket, _iterating),
    ):
        if not is_replaced(original):
            replace_function(original, replacement(original))


def keep_errors_of_actions() -> None:
    """Let ``collect`` and the like say that another thread stops Spark, not that ``None`` has no method; idempotent.

    Why: PySpark tells the JVM before and after an action from where it is called. Until the stop has ended, the context
    has no JVM, and the ``AttributeError`` takes the place of the action's own error. A check would replace this.
    """
    replace_methods(SCCallSiteSync, ("__enter__", "__exit__"), _unless_stopping)


def end_accumulators_quietly() -> None:
    """Keep a JVM that is killed from leaving a stack trace of the thread that reads accumulators; idempotent.

    Why: the thread takes the end of its connection for an error, which ``socketserver`` prints. The next call to the
    JVM says what has ended. A check for the end of the connection would replace this.
    """
    handler: Any = getattr(accumulators, "UpdateRequestHandler", None)
    if handler is None:
        handler = vars(accumulators)["_UpdateRequestHandler"]  # its name in PySpark 4.0
    replace_methods(handler, ["handle"], _until_the_end)


def _until_the_end(original: Any) -> Any:
    @functools.wraps(original)
    def handle(self: Any) -> None:
        with contextlib.suppress(EOFError, ConnectionError, struct.error):
            original(self)

    return handle


def _unless_stopping(original: Any) -> Any:
    @functools.wraps(original)
    def tell(self: Any, *raised: Any) -> None:
        try:
            original(self, *raised)
        except AttributeError:
            if self._context._jsc is not None:
                raise
            if not any(raised):
                raise SessionError(STOP) from None

    return tell


def _loading(original: Any) -> Any:
    @functools.wraps(original)
    @contextlib.contextmanager
    def load(sock_info: Any, serializer: Any) -> Iterator[Any]:
        with _to_the_last_row(), original(sock_info, serializer) as rows:
            yield rows

    @functools.wraps(original)
    def load_directly(sock_info: Any, serializer: Any) -> Iterator[Any]:  # in Spark 3.5
        with _to_the_last_row():
            yield from original(sock_info, serializer)

    return load if hasattr(original, "__wrapped__") else load_directly


@contextlib.contextmanager
def _to_the_last_row() -> Iterator[None]:
    """Raise a ``SessionError`` if the JVM ends while the body of a ``with`` reads rows from it."""
    gateway: Any = SparkContext._gateway
    end = end_of(gateway)
    if end is None:
        yield
        return
    with _explained(end):
        yield
    # A JVM that answers now was there to send the last row. The error of one that does not says how it has ended.
    gateway.jvm.System.nanoTime()


def _iterating(original: Any) -> Any:
    @functools.wraps(original)
    def iterate(sock_info: Any, serializer: Any) -> Iterator[Any]:
        end = end_of(SparkContext._gateway)
        if end is None:
            return original(sock_info, serializer)  # type: ignore[no-any-return]
        with _explained(end):
            rows = original(sock_info, serializer)
        iterable = rows.gi_frame.f_locals["self"]
        iterable._sockfile = _QuietlyClosed(iterable._sockfile)
        return _explained_rows(rows, end)

    return iterate


def _explained_rows(rows: Iterator[Any], end: JvmEnd) -> Iterator[Any]:
    with _explained(end):
        yield from rows


class _QuietlyClosed:
    """A file that PySpark closes in a finalizer. An error there, as of a broken connection, goes to the console."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()


@contextlib.contextmanager
def _explained(end: JvmEnd) -> Iterator[None]:
    """Raise a ``SessionError`` for a connection that breaks in the body of a ``with`` because the JVM has ended."""
    try:
        yield
    except _BROKEN as broken:
        error = end.find_error(after_failure=True)
        if error is None:
            raise
        raise error from broken
