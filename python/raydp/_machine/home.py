"""The home folder of this user, who may have none: containers run with numeric ids that no password file knows."""

from __future__ import annotations

from pathlib import Path

__all__ = ["find_home"]


def find_home() -> Path | None:
    """Return the home folder; ``None`` if neither HOME nor the password file names one that exists."""
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home if home.is_dir() else None
