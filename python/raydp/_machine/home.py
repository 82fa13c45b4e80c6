"""The user of this process, who may lack a home and a name: containers run with ids that no password file knows."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

__all__ = ["find_home", "has_name"]


def find_home() -> Path | None:
    """Return the home folder; ``None`` if neither HOME nor the password file names one that this user can enter."""
    try:
        home = Path.home()
        return home if home.is_absolute() and home.is_dir() and os.access(home, os.X_OK) else None
    except (RuntimeError, OSError):  # no entry in the password file; a folder above it that this user cannot enter
        return None


def has_name() -> bool:
    """Tell whether the password file has an entry for this user. Hadoop needs one."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True
