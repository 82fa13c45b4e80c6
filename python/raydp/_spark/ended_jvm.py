"""What the objects of an application say when it has ended: a ``SessionError``, whatever is called on them.

PySpark's JVM lives as long as its process, so PySpark does not expect that the JVM ends before its DataFrames, columns
and sessions. Every call on them goes over a connection to their JVM. :mod:`raydp._spark.internals` asks here before
each of these calls, and again if the call fails.
"""

from __future__ import annotations

import contextlib
import functools
import subprocess
from typing import TYPE_CHECKING, Any, NoReturn

from py4j.protocol import Py4JError
from pyspark.errors import PySparkValueError

from raydp._spark.spark_versions import classic_dataframe_class
from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LAST_ENDS", "EndedObject", "JvmEnd", "describe_last_end", "explain_missing_schema"]

_GUARDED = "_raydp_guarded"
_DEATH_SECONDS = 1.0
"""How long a JVM that closed a connection may take to be gone."""


class JvmEnd:
    """Whether the driver JVM of one application has ended, and how; safe for any thread.

    Args:
        process: The JVM.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._is_stopped = False
        self._cause = "it was stopped"

    def note_cause(self, cause: str) -> None:
        """Note why the application is about to be stopped, if the program did not ask for it."""
        self._cause = cause

    def note_stop(self) -> None:
        """Note that the application was stopped."""
        self._is_stopped = True

    def describe(self) -> str | None:
        """Return how the application has ended; ``None`` if it has not."""
        if self._is_stopped:
            return self._cause
        code = self._process.poll()
        return None if code is None else f"the driver's JVM was killed or crashed, with exit code {code}"

    def find_error(self, *, after_failure: bool = False) -> SessionError | None:
        """Return the error that says how the application has ended; ``None`` if it has not.

        Args:
            after_failure: Whether a call has failed, perhaps because the JVM is ending now.
        """
        if not self._is_stopped and after_failure:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_DEATH_SECONDS)
        how = self.describe()
        return None if how is None else _error(how)

    def connected(self, connect: Callable[[], Any]) -> Any:
        """Return a connection of Py4J to the JVM, whose commands say it if the JVM has ended.

        Args:
            connect: Returns a connection, which may have been returned before.

        Raises:
            SessionError: The JVM has ended.
        """
        if (error := self.find_error()) is not None:
            raise error
        try:
            connection = connect()
        except (Py4JError, OSError):
            self._raise_error()
            raise
        if not hasattr(connection.send_command, _GUARDED):
            self._guard(connection)
        return connection

    def _guard(self, connection: Any) -> None:
        send = connection.send_command

        def send_command(command: str) -> Any:
            try:
                return send(command)
            except (Py4JError, OSError):
                self._raise_error(connection.close)
                raise

        setattr(send_command, _GUARDED, send)
        connection.send_command = send_command

    def _raise_error(self, close: Callable[[], None] = lambda: None) -> None:
        if (error := self.find_error(after_failure=True)) is not None:
            close()
            raise error from None


class EndedObject:
    """Stands for an object of a JVM that has ended. It is false, as ``None`` would be; every use raises an error."""

    def __init__(self, end: JvmEnd) -> None:
        self._end = end

    def __bool__(self) -> bool:
        return False

    def __fspath__(self) -> NoReturn:
        self._fail("__fspath__")

    def __getattr__(self, name: str) -> NoReturn:
        self._fail(name)

    def _fail(self, name: str) -> NoReturn:
        raise self._end.find_error() or AttributeError(name)


LAST_ENDS: list[JvmEnd] = []
"""The end of the last application, until the next context starts."""


def describe_last_end() -> str | None:
    """Return how the last application has ended; ``None`` if there was none, or if another context has started."""
    return LAST_ENDS[0].describe() if LAST_ENDS else None


def _error(how: str) -> SessionError:
    return SessionError(
        "The Spark application that this belongs to has ended, and its DataFrames, columns and sessions cannot be used "
        "any more. Start another one with raydp.init_spark(...), and create the DataFrame with it. Ray Datasets that "
        f"were made of its DataFrames stay readable. The end: {how}"
    )


def explain_missing_schema() -> None:
    """Let ``DataFrame.schema``, and all that reads it, say it if the application has ended; idempotent.

    PySpark turns every exception into a ``PySparkValueError`` about a type that cannot be parsed.
    """
    dataframe_class = classic_dataframe_class()
    original: Any = vars(dataframe_class)["schema"]
    read: Any = original.fget if isinstance(original, property) else original.func  # a property in Spark 3.5
    if hasattr(read, _GUARDED):
        return

    @functools.wraps(read)
    def schema(self: Any) -> Any:
        try:
            return read(self)
        except PySparkValueError as error:
            if isinstance(error.__context__, SessionError):
                raise error.__context__ from None
            raise

    setattr(schema, _GUARDED, read)
    replacement: Any = property(schema)
    if not isinstance(original, property):
        replacement = functools.cached_property(schema)
        replacement.__set_name__(dataframe_class, "schema")
    dataframe_class.schema = replacement  # type: ignore[method-assign]
