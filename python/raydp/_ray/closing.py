"""Closes what depends on Ray, within bounds."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["close_in_thread"]

_logger = logging.getLogger(__name__)


def close_in_thread(close: Callable[[], None], thread: str, limit: float, what: str) -> None:
    """Close something in a thread of its own, because Ray does not bound its calls to a cluster that is gone.

    Args:
        close: Closes it, without an error.
        thread: Name of the thread.
        limit: Seconds after which a warning says that it still goes on.
        what: What is closed, for the warning.
    """
    closing = threading.Thread(target=close, name=thread, daemon=True)
    closing.start()
    closing.join(limit)
    if closing.is_alive():
        _logger.warning(
            "Ray did not answer within %.0f s while raydp closed %s; is Ray overloaded, or gone? Ray frees what is "
            "left when this process disconnects",
            limit,
            what,
        )
