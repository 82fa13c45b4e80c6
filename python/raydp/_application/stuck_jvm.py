"""Kills a driver JVM that cannot stop its ``SparkContext``, because it hangs or because its Ray cluster is gone.

A stop that makes progress is left alone for a minute. The JVM's own waits for a cluster that is gone take longer.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING

from raydp.errors import RaydpError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raydp._application.application import Application
    from raydp._spark.gateway import GatewayProcess

__all__ = ["killed_if_stuck"]

_logger = logging.getLogger(__name__)
_LONGEST_STOP_SECONDS = 60.0
_ANSWER_SECONDS = 6.0
_INTERVAL_SECONDS = 0.5


@contextlib.contextmanager
def killed_if_stuck(process: GatewayProcess | None, application: Application | None) -> Iterator[None]:
    """Watch the JVM while the body of a ``with`` stops its ``SparkContext``.

    Args:
        process: The JVM; ``None`` if it was not launched here. Then it is not watched.
        application: Its application.
    """
    if process is None or application is None:
        yield
        return
    ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(process, application, ended), name="raydp-stop-watch", daemon=True)
    watch.start()
    try:
        yield
    finally:
        ended.set()


def _watch(process: GatewayProcess, application: Application, ended: threading.Event) -> None:
    deadline = time.monotonic() + _LONGEST_STOP_SECONDS
    while not ended.is_set() and process.process.poll() is None:
        reason = _find_reason(application)
        if reason is None and time.monotonic() > deadline:
            reason = f"it has not stopped Spark within {_LONGEST_STOP_SECONDS:.0f} s"
        if reason is not None:
            if not ended.is_set():
                _logger.warning("The Spark driver's JVM is killed: %s. Process: %d", reason, process.process.pid)
                process.process.kill()
            return
        ended.wait(_INTERVAL_SECONDS)


def _find_reason(application: Application) -> str | None:
    if not application.cluster.answers():
        return f"its Ray cluster does not answer at {application.cluster.address}"
    if (loss := application.cluster.find_loss(patience=0.0)) is not None:
        return loss
    answered = threading.Event()
    threading.Thread(target=_ask, args=(application, answered), name="raydp-stop-question", daemon=True).start()
    return None if answered.wait(_ANSWER_SECONDS) else f"it has not answered within {_ANSWER_SECONDS:.0f} s"


def _ask(application: Application, answered: threading.Event) -> None:
    with contextlib.suppress(RaydpError):  # it has ended, so the stop ends, too
        application.status()
    answered.set()
