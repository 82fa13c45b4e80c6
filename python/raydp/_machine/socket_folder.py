"""The folder in which Unix sockets can be created."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["find_socket_folder"]

_MAX_FOLDER_BYTES = 40
"""The path of a Unix socket is limited to 107 bytes. The application's id and the node's name need the others."""


def find_socket_folder() -> Path:
    """Return the folder for temporary files, or ``/tmp`` if its path is too long for a socket."""
    folder = tempfile.gettempdir()
    return Path(folder if len(os.fsencode(folder)) <= _MAX_FOLDER_BYTES else "/tmp")
