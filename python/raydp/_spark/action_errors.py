"""Raises raydp's own error when an action on a DataFrame fails because of one.

PySpark raises ``Py4JJavaError`` for a failed job, with a text of more than a hundred lines, whatever the job failed
with. ``collect``, ``toPandas`` and ``write`` raise raydp's errors in the same way as raydp's own functions.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from py4j import java_gateway, protocol
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors.exceptions import captured
from pyspark.errors.exceptions.captured import install_exception_handler

from raydp._machine.interrupts import came_of_interrupt
from raydp._spark.gateway_internals import running_jvm
from raydp._spark.java_errors import causes, translated
from raydp._spark.replaced_functions import is_replaced, mark_replacement
from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.errors.exceptions.captured import CapturedException

    from raydp._spark.java_errors import JavaCause, Translation
    from raydp.errors import RaydpError

__all__ = ["STOP", "raise_own_errors_in_actions"]

_CANCELLED = "[SPARK_JOB_CANCELLED]"
STOP = (
    "The Spark application was stopped while this ran: raydp.stop_spark() was called, perhaps in another thread, or "
    "the process left the Ray cluster. Start another application with raydp.init_spark(...), and run it again"
)
# "Job 3 cancelled because SparkContext was shut down", "Cannot call methods on a stopped SparkContext". The last three
# are of a query that Spark plans or starts while it stops: its session or its scheduler is gone.
_STOPPED = re.compile(
    r"SparkContext (was|has been|is) (shut ?down|stopped)|stopped SparkContext"
    r'|SparkPlan\.session\(\)" is null|No active or default Spark session found|Could not find CoarseGrainedScheduler'
)


def raise_own_errors_in_actions(*translations: Translation) -> None:
    """Raise raydp's errors from all calls to the JVM, and Ctrl-C if it cancelled the job; idempotent.

    Why: each method of PySpark calls the JVM by itself, and all of them get its answers from this function of Py4J.
    PySpark also replaces it, to raise its own exceptions. A registry of exceptions in PySpark would replace this.

    Args:
        translations: Which error a Java exception stands for. The first one that knows any of the causes decides.
    """
    original = protocol.get_return_value
    if is_replaced(original):
        return

    @functools.wraps(original)
    def get_return_value(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except Py4JJavaError as error:
            if came_of_interrupt(error) and _is_cancelled(error):
                raise KeyboardInterrupt from None
            known = _known(error, (*translations, _error_of_stop))
            if known is None:
                raise
            raise known from error

    module: Any = captured
    module.convert_exception = _saying_that_spark_stopped(captured.convert_exception)
    mark_replacement(get_return_value, original)
    protocol.get_return_value = get_return_value
    if java_gateway.get_return_value is original:
        java_gateway.get_return_value = get_return_value
    else:
        install_exception_handler()  # PySpark's function, now around this one


def _saying_that_spark_stopped(convert: Callable[[Any], CapturedException]) -> Callable[[Any], CapturedException]:
    """Return PySpark's function that makes its exceptions, with an error that can be read if Spark stops meanwhile.

    Why: it asks the JVM of the running context about the Java exception. If another thread has stopped Spark since, it
    fails with an ``AssertionError`` that has no text. A check in PySpark would replace this.
    """

    @functools.wraps(convert)
    def converted(exception: Any) -> CapturedException:
        try:
            return convert(exception)
        except (AssertionError, AttributeError, Py4JError, OSError):
            if running_jvm() is not None:
                raise
            raise SessionError(STOP) from None

    return converted


def _is_cancelled(error: Py4JJavaError) -> bool:
    """Return whether a job was cancelled. PySpark waits for a job's end while Ctrl-C leaves ``toPandas``."""
    try:
        return any(_CANCELLED in cause.message for cause in causes(error))
    except (Py4JError, OSError, SessionError):  # the JVM has ended meanwhile
        return False


def _error_of_stop(cause: JavaCause) -> SessionError | None:
    if _STOPPED.search(cause.message) is None:
        return None
    return SessionError(f"{STOP}. The end: {cause.message}")


def _known(error: Py4JJavaError, translations: Sequence[Translation]) -> RaydpError | None:
    try:
        return next((known for one in translations if (known := translated(error, one)) is not None), None)
    except (Py4JError, OSError, SessionError):  # the JVM has ended meanwhile, and only the error itself is left
        return None
