"""Where the archives of this machine are, and which of them fit."""

from __future__ import annotations

import enum
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from raydp._machine import installation as _installation
from raydp._machine.home import find_home
from raydp._machine.trusted_paths import is_trusted

if TYPE_CHECKING:
    from raydp._machine.java import Java

__all__ = ["Role", "attempt_marker", "driver_options", "find_archive", "folder_for"]

_FORMAT = 1


class Role(enum.Enum):
    """The kinds of JVMs. Each has its own archive."""

    DRIVER = "driver"
    EXECUTOR = "executor"


def folder_for(java: Java) -> Path | None:
    """Return the folder for archives that fit this Java and the installed jars. It need not exist.

    The folder's name is a hash of the Java and the jars, so several environments can keep their archives next to each
    other. A JVM ignores an archive that does not fit, and starts without it.

    Returns:
        ``None`` if this user has no folder for caches: neither XDG_CACHE_HOME nor a home.
    """
    cache = _cache()
    if cache is None:
        return None
    parts = [str(_FORMAT), str(java.executable.resolve()), java.version]
    for jar in filter(Path.exists, _installation.class_path()):
        found = jar.stat()
        parts.append(f"{jar}:{found.st_size}:{found.st_mtime_ns}")
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return cache / "raydp" / "class-data" / digest[:16]


def find_archive(java: Java, role: Role) -> Path | None:
    """Return the archive for a JVM of this role, or ``None`` if this machine has none that fits and can be trusted.

    Whoever can write an archive can run code in the JVM that maps it.
    """
    folder = folder_for(java)
    if folder is None:
        return None
    archive = folder / f"{role.value}.jsa"
    return archive if is_trusted(archive) and archive.is_file() else None


def attempt_marker(folder: Path) -> Path:
    """Return the file whose presence means that creating these archives was tried.

    The lock and the log of the attempt are next to it, with the suffixes ``.lock`` and ``.log``.
    """
    return folder.with_name(f".{folder.name}.tried")


def _cache() -> Path | None:
    configured = os.environ.get("XDG_CACHE_HOME")
    if configured and Path(configured).is_absolute():  # others do not count, as the standard says
        return Path(configured)
    home = find_home()
    return None if home is None else home / ".cache"


def driver_options(java: Java) -> list[str]:
    """Return the JVM options with which a driver uses its archive; an empty list if there is no archive."""
    archive = find_archive(java, Role.DRIVER)
    return [] if archive is None else [f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", "-Xlog:cds*=off"]
