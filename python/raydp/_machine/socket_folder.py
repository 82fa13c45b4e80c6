"""Where Unix sockets may lie."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["socket_base"]

_LONGEST_BASE = 40
"""A Unix socket's path has at most 107 bytes; an application's id and a node's name need the rest."""


def socket_base() -> Path:
    """Return the folder for temporary files, or ``/tmp`` where its path is too long for a socket's."""
    base = tempfile.gettempdir()
    return Path(base if len(os.fsencode(base)) <= _LONGEST_BASE else "/tmp")
