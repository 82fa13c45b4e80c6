"""Explains a ``SparkContext`` that a standalone master has refused.

PySpark returns it as if it ran. Whatever uses it then fails with a text about stopped contexts, and only stack traces
in the log say why.
"""

from __future__ import annotations

from raydp.errors import SessionError

__all__ = ["is_refused", "refused_by"]

_OWN_ID = "spark-application-"
"""How the id begins that a context gives itself, because its master has given it none."""


def is_refused(master: str, application_id: str) -> bool:
    """Tell whether a new context has no place on a standalone cluster. It stops soon, in another thread."""
    return master.startswith("spark://") and application_id.startswith(_OWN_ID)


def refused_by(master: str) -> SessionError:
    """Return the error of such a context."""
    return SessionError(
        "The master of the Spark standalone cluster did not accept this session. Either nothing listens at its URL, or "
        "the session has another secret (spark.authenticate.secret) than the cluster, or none. For a cluster of "
        "raydp.start_standalone, start the session with its properties_file: spark-submit --properties-file, or the "
        "environment variable PYSPARK_SUBMIT_ARGS='--properties-file FILE pyspark-shell'. The log above has Spark's "
        f"reason. Master: {master}"
    )
