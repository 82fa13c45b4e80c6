"""How long calls of a Spark Connect server are retried. Imported only in programs that use Spark's client.

Spark's client retries for ten minutes when a server does not answer. If nothing listens on the server's port any more,
the server has ended, and its sessions with it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import grpc
from pyspark.sql.connect.client.retries import RetryPolicy, RetryPolicyState

from raydp._spark.connect_calls_of_thread import are_brief

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["limit_retries"]

# A proxy or a tunnel in front of the server can restart in this time.
_REFUSED_SECONDS = 5.0
_SILENT_SECONDS = 60.0
_FIRST_WAIT_MILLIS = 50
_LONGEST_WAIT_MILLIS = 1000
_REFUSED = "Connection refused"


def limit_retries(spark: SparkSession) -> None:
    """Let raydp's own calls in a session fail soon when its server is gone, and all calls once raydp knows that it is.

    The client asks its policies in order. Other errors, and other calls, stay with those that it has.
    """
    client: Any = spark.client
    former = client.get_retry_policies()
    for policy in former:
        if isinstance(policy, _BriefRetries):
            policy.server_has_ended = False
            return
    client.set_retry_policies([_BriefRetries(), *former])


class _BriefRetries(RetryPolicy):
    """Retries raydp's own calls for as long as raydp waits, and the program's calls of an ended server not at all.

    Attributes:
        server_has_ended: Whether raydp has found that nothing listens on the server's port.
    """

    def __init__(self) -> None:
        super().__init__(initial_backoff=_FIRST_WAIT_MILLIS, max_backoff=_LONGEST_WAIT_MILLIS, backoff_multiplier=2.0)
        self.server_has_ended = False

    def can_retry(self, exception: BaseException) -> bool:
        if not isinstance(exception, grpc.RpcError) or _code(exception) != grpc.StatusCode.UNAVAILABLE:
            return False
        return are_brief() or (self.server_has_ended and _is_refused(exception))

    def to_state(self) -> RetryPolicyState:
        return _RetriesOfCall(self)


class _RetriesOfCall(RetryPolicyState):
    def __init__(self, policy: _BriefRetries) -> None:
        super().__init__(policy)
        self._brief = policy
        self._failed_first: float | None = None

    def next_attempt(self, exception: BaseException | None = None) -> int | None:
        """Return the milliseconds to wait, or raise the error of the call: ``None`` makes PySpark print a warning."""
        now = time.monotonic()
        if self._failed_first is None:
            self._failed_first = now
        waited = now - self._failed_first
        if exception is not None:
            refused = _is_refused(exception)
            if refused and waited > _REFUSED_SECONDS:
                self._brief.server_has_ended = True
            if (refused and self._brief.server_has_ended) or waited > _SILENT_SECONDS:
                raise exception
        return super().next_attempt()


def _code(error: Any) -> grpc.StatusCode:
    return error.code()  # errors of calls have it, their base class has not


def _is_refused(error: Any) -> bool:
    return _REFUSED in str(error.details())
