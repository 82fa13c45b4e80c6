"""Explains a ``SparkContext`` that a standalone master has refused.

PySpark returns it as if it ran, or fails with an error of its constructor. Whatever uses it fails with a text about
stopped contexts, and only stack traces in the log say why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp.errors import SessionError

if TYPE_CHECKING:
    from py4j.protocol import Py4JJavaError

__all__ = ["is_refused", "refused_by", "was_stopped_in_start"]

_OWN_ID = "spark-application-"
"""How the id begins that a context gives itself, because its master has given it none."""
_ERRORS_OF_STOP = ("java.lang.NullPointerException", "java.lang.IllegalStateException")
"""What the constructor of a context raises when another thread stops the context meanwhile."""


def is_refused(master: str, application_id: str) -> bool:
    """Tell whether a new context has no place on a standalone cluster. It stops soon, in another thread."""
    return master.startswith("spark://") and application_id.startswith(_OWN_ID)


def was_stopped_in_start(master: str, error: Py4JJavaError) -> bool:
    """Tell whether the constructor of a context failed because Spark has given up a standalone cluster meanwhile."""
    return master.startswith("spark://") and error.java_exception.getClass().getName() in _ERRORS_OF_STOP


def refused_by(master: str) -> SessionError:
    """Return the error of such a context."""
    return SessionError(
        "The master of the Spark standalone cluster did not accept this session. Either nothing listens at its URL, or "
        "the session has another secret (spark.authenticate.secret) than the cluster, or none. For a cluster of "
        "raydp.start_standalone, start the session with its properties_file: spark-submit --properties-file, or the "
        "environment variable PYSPARK_SUBMIT_ARGS='--properties-file FILE pyspark-shell'. The log above has Spark's "
        f"reason. Master: {master}"
    )
