"""Where this machine's archives are, and which of them fit."""

from __future__ import annotations

import enum
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from raydp._machine import installation as _installation

if TYPE_CHECKING:
    from raydp._machine.java import Java

__all__ = ["Role", "driver_options", "find_archive", "folder_for", "mark_beside"]

_FORMAT = 1


class Role(enum.Enum):
    """The kinds of JVMs that have an archive of their own."""

    DRIVER = "driver"
    EXECUTOR = "executor"


def folder_for(java: Java) -> Path:
    """Return the folder for archives that fit this Java and the installed jars; it need not exist.

    A JVM itself refuses an archive that does not fit, which costs nothing but the gain; the folder's name follows from
    the same things, so that several environments keep theirs side by side.
    """
    parts = [str(_FORMAT), str(java.executable.resolve()), java.version]
    for jar in filter(Path.exists, _installation.class_path()):
        found = jar.stat()
        parts.append(f"{jar}:{found.st_size}:{found.st_mtime_ns}")
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "raydp" / "class-data" / digest[:16]


def find_archive(java: Java, role: Role) -> Path | None:
    """Return the archive for a JVM of ours, if this machine has one that fits."""
    archive = folder_for(java) / f"{role.value}.jsa"
    return archive if archive.is_file() else None


def mark_beside(folder: Path) -> Path:
    """Return the file that says that it was tried to make these archives; its lock and log have names like it."""
    return folder.with_name(f".{folder.name}.tried")


def driver_options(java: Java) -> list[str]:
    """Return the JVM options with which a driver uses its archive; none if there is none."""
    archive = find_archive(java, Role.DRIVER)
    return [] if archive is None else [f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", "-Xlog:cds*=off"]
