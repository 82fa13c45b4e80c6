"""An attachment: the exchange of a Spark application that raydp did not start."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any

from raydp._machine.descriptions import describe_html, describe_text
from raydp._ray import internals as _ray_internals
from raydp._ray.closing import close_in_thread
from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from raydp._attachment.host import AttachedHost
    from raydp._exchange.driver.exchange import Exchange
    from raydp._ray.cluster import RayCluster

__all__ = ["Attachment", "detach_weakly", "find_attachment", "keep_attachment"]

_logger = logging.getLogger(__name__)
_CLOSE_SECONDS = 20.0

_attachments: weakref.WeakKeyDictionary[Any, Attachment] = weakref.WeakKeyDictionary()
"""By what they are attached to: the ``SparkContext`` of an application, or a session of Spark Connect."""
_detaching: set[Attachment] = set()
"""Those that end now. Agents remove their sockets then, so nothing may end Ray before."""
_lock = threading.Lock()


class Attachment:
    """What connects a running Spark application and a Ray cluster: :func:`raydp.attach` returns it.

    Use it in a ``with`` statement to detach at its end. It ends with the application.

    Attributes:
        application_id: Spark's id of the application.
        is_stopping: Whether it was detached, or the application was stopped.
        ended_by: The error of a driver that does not answer any more, if that has ended the attachment.
    """

    def __init__(self, application_id: str, *, cluster: RayCluster, host: AttachedHost, exchange: Exchange) -> None:
        self.application_id = application_id
        self.is_stopping = False
        self.ended_by: SessionError | None = None
        self._cluster = cluster
        self._host = host
        self._exchange = exchange
        self._ended = threading.Event()
        host.on_end = self._end_in_background

    @property
    def exchange(self) -> Exchange:
        """The application's exchange.

        Raises:
            SessionError: It was detached, or this process has left the Ray cluster.
        """
        if self.is_stopping:
            raise SessionError(
                "Spark is not attached to Ray any more: it was detached or stopped. Call raydp.attach(spark) again. "
                f"Application: {self.application_id}"
            )
        if not self._cluster.is_joined():
            raise self._left_error()
        return self._exchange

    def check_machines(self) -> None:
        """Raise ``ExchangeError`` if Spark has executors on machines without a Ray node."""
        self._host.executor_nodes()

    def death_error(self) -> SessionError | None:
        """Return the error that says what has ended of Spark and Ray, or ``None`` if both go on."""
        if not self._cluster.is_joined():
            return self._left_error()
        loss = self._cluster.find_loss()
        if loss is not None:
            return self._ray_error(f"{loss}. Call ray.shutdown(), before Ray ends this process, then")
        return self._host.silence_error()

    def _left_error(self) -> SessionError:
        return self._ray_error("this process has left the Ray cluster that it was attached to. Call")

    def _ray_error(self, reason: str) -> SessionError:
        return SessionError(
            f"Spark cannot exchange data with Ray any more: {reason} ray.init(...), and raydp.attach(spark) again. "
            f"Application: {self.application_id}, cluster: {self._cluster.address}"
        )

    def is_usable(self) -> bool:
        """Tell whether conversions can use it: it was not detached, and Ray still runs."""
        return not self.is_stopping and self._cluster.is_joined()

    def detach(self) -> None:
        """End the exchange: its agents, DataFrames over Ray's blocks, and names in Spark. Idempotent.

        Spark and Ray go on. Datasets stay readable. Blocks that are lost later are not recomputed. If another thread
        detaches it, this waits for that.
        """
        with _lock:
            is_first = not self.is_stopping
            self.is_stopping = True
            for attached_to in [one for one, known in _attachments.items() if known is self]:
                del _attachments[attached_to]
            if is_first:
                _detaching.add(self)
        if not is_first:
            self._ended.wait(_CLOSE_SECONDS)
            return
        what = f"the exchange of {self.application_id} with Ray"
        try:
            close_in_thread(self._close, "raydp-detach", _CLOSE_SECONDS, what)
        finally:
            with _lock:
                _detaching.discard(self)
            self._ended.set()

    def __enter__(self) -> Attachment:
        return self

    def __exit__(self, *_: object) -> None:
        self.detach()

    def __repr__(self) -> str:
        return f"<Attachment; {describe_text(self._describe())}>"

    def _repr_html_(self) -> str:
        return describe_html("Spark attached to Ray", self._describe())

    def _describe(self) -> dict[str, str]:
        state = "attached" if self.is_usable() else "ended"
        return {"state": state, "application": self.application_id, "Ray": self._cluster.address}

    def _end_in_background(self, error: SessionError | None) -> None:
        if not self.is_stopping:
            self.ended_by = error
        threading.Thread(target=self.detach, name="raydp-attachment-end", daemon=True).start()

    def _close(self) -> None:
        try:
            with _ray_internals.without_starting_ray():
                self._exchange.close()
        except Exception as error:  # Spark's JVM or Ray has ended before
            _logger.info("A part of the attachment of %s had ended before: %s", self.application_id, error)
        self._host.close()


def find_attachment(attached_to: Any) -> Attachment | None:
    """Return the attachment of a ``SparkContext`` or of a session of Spark Connect, or ``None``."""
    return _attachments.get(attached_to)


def keep_attachment(attached_to: Any, created: Attachment) -> Attachment:
    """Keep an attachment until it ends. Return it, or the one that another thread has made meanwhile."""
    with _lock:
        winner = _attachments.setdefault(attached_to, created)
    if winner is not created:
        created.detach()
    return winner


def detach_weakly(attachment: Attachment) -> Callable[[], None]:
    """Return a function that detaches, and does not keep the attachment alive."""
    reference = weakref.ref(attachment)

    def detach() -> None:
        known = reference()
        if known is not None:
            known.detach()

    return detach


def _detach_all() -> None:
    """Detach what is attached, because the program calls ``ray.shutdown()``: agents end with Ray."""
    with _lock:
        attachments = {*_attachments.values(), *_detaching}
    for attachment in attachments:
        attachment.detach()


_ray_internals.call_before_shutdown(_detach_all)
_ray_internals.limit_automatic_start()
os.register_at_fork(after_in_child=_attachments.clear)  # a forked child must not end what its parent uses
