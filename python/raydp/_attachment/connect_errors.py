"""Why a Spark Connect server does not do what raydp asks, in words that say what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raydp._spark.connect_internals import session_is_stopped
from raydp.errors import SessionError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["silence_of"]

_DETAILS = re.compile(r'^\s*details = "(.+)"$', re.MULTILINE)
_REFUSED = "Connection refused"
_ENDED = "INVALID_HANDLE.SESSION_"


def silence_of(spark: SparkSession, error: Exception) -> SessionError:
    """Return the error for a session whose server does not answer.

    Args:
        spark: The session.
        error: What a call has failed with. The errors of gRPC, and of a closed channel, have no common type.
    """
    client: Any = spark.client
    return SessionError(f"{_words(spark, error)} Server: {client.host}, reason: {_reason(error)}")


def _words(spark: SparkSession, error: Exception) -> str:
    code = getattr(getattr(error, "getGrpcStatusCode", lambda: None)(), "name", "")
    condition = str(getattr(error, "getCondition", lambda: None)())
    if code == "UNAUTHENTICATED":
        return (
            "The Spark Connect server refuses this program: the token is wrong or missing. Create another session with "
            "the server's token, SparkSession.builder.remote('sc://...:15002/;token=...').create()."
        )
    if _REFUSED in str(error):
        return (
            "Nothing listens on the address of the Spark Connect server: it has ended, and its sessions with it, or "
            "has not started. When it runs again, call spark.stop(), and create another session with "
            "SparkSession.builder.remote(...)."
        )
    if condition.startswith(_ENDED) or _ENDED in str(error):
        return (
            "The Spark Connect server has ended this session, because it was released or sent nothing for long, or "
            "because the server was restarted. Call spark.stop(), and create another session with "
            "SparkSession.builder.remote(...)."
        )
    state = "was stopped" if session_is_stopped(spark) else "has ended, or its server does not answer any more"
    return f"The Spark Connect session {state}. Create another session with SparkSession.builder.remote(...)."


def _reason(error: Exception) -> str:
    """Return what gRPC says in one of the lines of its error, or else the first line."""
    details = _DETAILS.search(str(error))
    return details[1] if details else next(iter(str(error).strip().splitlines()), type(error).__name__)
