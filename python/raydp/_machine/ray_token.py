"""The file with Ray's token.

Ray makes it readable for everyone. Whoever knows the token can run code as this user.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from raydp._machine.home import find_home
from raydp._machine.trusted_paths import make_private

__all__ = ["is_readable_for_others", "protect_token", "token_file"]


def token_file() -> Path | None:
    """Return where Ray keeps its token; ``None`` if this user has no home. The file need not exist."""
    configured = os.environ.get("RAY_AUTH_TOKEN_PATH")
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
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:  # then the folder is Ray's own
        with contextlib.suppress(OSError):  # a home that this user cannot write to: Ray cannot create a token there
            path.parent.mkdir(mode=0o700, exist_ok=True)
        make_private(path.parent)
    make_private(path)
    return path if was_readable and not is_readable_for_others(path) else None
