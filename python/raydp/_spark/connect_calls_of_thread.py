"""Which calls of a Spark Connect server are raydp's own: those must not wait for minutes when the server is gone."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["are_brief", "briefly_retried"]

_calls = threading.local()


@contextlib.contextmanager
def briefly_retried() -> Iterator[None]:
    """Let the calls that this thread makes in the body of a ``with`` fail soon when their server is gone."""
    before = are_brief()
    _calls.are_brief = True
    try:
        yield
    finally:
        _calls.are_brief = before


def are_brief() -> bool:
    """Tell whether this thread's calls are to fail soon when their server is gone."""
    return bool(getattr(_calls, "are_brief", False))
