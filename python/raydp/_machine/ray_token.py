"""The file with Ray's token.

Ray makes it readable for everyone. Whoever knows the token can run code as this user.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from raydp._machine.home import find_home
from raydp._machine.trusted_paths import make_private

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["is_readable_for_others", "protect_token", "provide_token", "token_file"]

_PATH = "RAY_AUTH_TOKEN_PATH"
_TOKEN_BYTES = 32


def token_file() -> Path | None:
    """Return where Ray keeps its token; ``None`` if this user has no home. The file need not exist."""
    configured = os.environ.get(_PATH)
    if configured:
        return Path(configured)
    home = find_home()
    return None if home is None else home / ".ray" / "auth_token"


def is_readable_for_others(path: Path) -> bool:
    """Return whether other users can read the token: they can enter its folder, and read the file."""
    try:
        return bool(path.parent.stat().st_mode & 0o011) and bool(path.stat().st_mode & 0o044)
    except OSError:
        return False


def protect_token() -> Path | None:
    """Make Ray's token readable for this user only.

    This also creates Ray's folder in the user's home if there is none. Ray creates the token in it when it starts.

    Returns:
        The file, if others could read it.
    """
    path = token_file()
    if path is None:
        return None
    was_readable = is_readable_for_others(path)
    if _PATH not in os.environ:  # then the folder is Ray's own
        with contextlib.suppress(OSError):  # a home that this user cannot write to: Ray cannot create a token there
            path.parent.mkdir(mode=0o700, exist_ok=True)
        make_private(path.parent)
    make_private(path)
    return path if was_readable and not is_readable_for_others(path) else None


def provide_token(folder: Callable[[], Path], *, create: bool) -> None:
    """Name a token file in another folder to Ray, if this user has no home that can hold one.

    Ray cannot start then. The variable also names the file to the processes that this one starts.

    Args:
        folder: Returns a folder that only this user can enter.
        create: Whether Ray is about to start here and needs a token, and not only to join a cluster.
    """
    if any(name in os.environ for name in (_PATH, "RAY_AUTH_TOKEN")) or os.environ.get("RAY_AUTH_MODE") == "disabled":
        return
    usual = token_file()
    # Ray's native part reads the variable HOME only.
    if usual is not None and "HOME" in os.environ and (os.access(usual, os.R_OK) or _can_hold(usual)):
        return
    path = folder() / "auth_token"
    if create and not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(_TOKEN_BYTES))
    if path.exists():
        os.environ[_PATH] = os.fspath(path)


def _can_hold(path: Path) -> bool:
    nearest = path.parent if os.access(path.parent, os.F_OK) else path.parent.parent
    return os.access(nearest, os.W_OK | os.X_OK)
