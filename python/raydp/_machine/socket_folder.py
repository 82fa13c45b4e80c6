"""The folders of the exchange's Unix sockets: one for each user, and in it one for each application."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import tempfile
import time
from pathlib import Path

from raydp._machine.trusted_paths import is_private_folder
from raydp.errors import ExchangeError

__all__ = ["application_folder", "find_socket_folder", "prepare_socket", "remove_folder"]

_MAX_FOLDER_BYTES = 40
"""The path of a Unix socket is limited to 107 bytes. The application's id and the node's name need the others."""
_HASH_DIGITS = 16
# Younger sockets may belong to an application that is starting.
_SWEEP_AGE_SECONDS = 60.0


def find_socket_folder() -> Path:
    """Return the folder for temporary files, or ``/tmp`` if its path is too long for a socket."""
    folder = tempfile.gettempdir()
    return Path(folder if len(os.fsencode(folder)) <= _MAX_FOLDER_BYTES else "/tmp")


def application_folder(application: str) -> Path:
    """Return where agents of an application have their sockets, unless another user has taken the name."""
    return find_socket_folder() / f"raydp-{os.getuid()}" / application


def prepare_socket(path: Path, token: bytes) -> Path:
    """Create the folder for a socket, private to this user, and return where the socket is then.

    If somebody else has taken the name of the user's folder, its replacement has a hash of the token in its name, which
    others cannot know. Executors decide by the same rule (``AgentLocator``).

    Args:
        path: The socket, in the folder from :func:`application_folder`.
        token: Token of the application.

    Raises:
        ExchangeError: A folder is not private.
    """
    folder, application = path.parent.parent, path.parent.name
    _create(folder)
    if not is_private_folder(folder):
        folder = _replacement(folder, token)
        _create_private(folder)
    _remove_dead_applications(folder, keep=application)
    _create_private(folder / application)
    return folder / application / path.name


def remove_folder(path: Path, token: bytes) -> None:
    """Remove the application's folder, in which a socket was, unless there are others in it."""
    with contextlib.suppress(OSError):  # an agent of another node on this machine still uses the folder
        path.parent.rmdir()
        if path.parent.parent.name.endswith(_digest(token)):
            path.parent.parent.rmdir()


def _replacement(folder: Path, token: bytes) -> Path:
    return folder.with_name(f"{folder.name}-{_digest(token)}")


def _digest(token: bytes) -> str:
    return hashlib.sha256(token).hexdigest()[:_HASH_DIGITS]


def _create(folder: Path) -> None:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)


def _create_private(folder: Path) -> None:
    _create(folder)
    if not is_private_folder(folder):
        found = folder.lstat()
        raise ExchangeError(
            f"The folder for the exchange's sockets is not private to this user. Remove it, or set TMPDIR to a "
            f"folder of your own before Spark starts: {folder}, owner {found.st_uid}, mode {found.st_mode & 0o777:o}"
        )


def _remove_dead_applications(base: Path, *, keep: str) -> None:
    """Remove the sockets of killed applications: nothing listens on them."""
    limit = time.time() - _SWEEP_AGE_SECONDS
    for folder in base.iterdir():
        if folder.name == keep or not folder.is_dir() or folder.stat().st_mtime > limit:
            continue
        for path in folder.iterdir():
            if path.is_socket() and not _is_alive(path):
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty: an application uses it
            folder.rmdir()


def _is_alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:  # busy, or no permission to connect
            return True
    return True
