"""Create the archives: the JDK archives the classes that the lists next to this file name."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
import time
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from raydp._machine import installation as _installation
from raydp._machine.class_data.archives import Role, folder_for
from raydp.errors import MissingRequirementError

if TYPE_CHECKING:
    from raydp._machine.java import Java

__all__ = ["make_archives"]

_DUMP_SECONDS = 1800
_KEPT_INSTALLATIONS = 3
_UNFINISHED = ".new-"
_MARKER_SECONDS = 30 * 24 * 3600


def make_archives(java: Java) -> list[Path]:
    """Create the archives of this machine, or replace them. This takes one processor about a minute.

    Archives of older installations are removed; those of the newest three are kept.

    Returns:
        The archives, about 350 MB in all.

    Raises:
        MissingRequirementError: This Java cannot create an archive, or this user has no folder that can hold one.
    """
    folder = folder_for(java)
    if folder is None:
        raise MissingRequirementError(
            "This user has no home folder to keep class-data archives in. Set XDG_CACHE_HOME to a folder of this user. "
            f"HOME: {os.environ.get('HOME', 'not set')}"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(folder.parent)
        with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=folder.parent) as name:
            new = Path(name)
            for role in Role:
                _dump(java, role, new)
            # JVMs that have mapped the old archive keep it; later ones find the new one.
            shutil.rmtree(folder, ignore_errors=True)
            new.rename(folder)
        _remove_old(folder.parent)
    except OSError as error:
        raise MissingRequirementError(
            "Class-data archives cannot be written: the folder belongs to another user, is read-only, or its disk is "
            "full. Applications start without archives. To have them, set XDG_CACHE_HOME to a folder that this user "
            f"can write to. Folder: {folder.parent}; error: {error}"
        ) from error
    return [folder / f"{role.value}.jsa" for role in Role]


def _remove_unfinished(parent: Path) -> None:
    """Remove what attempts have left that were killed. Those that can still go on are younger."""
    for found in parent.glob(f"{_UNFINISHED}*"):
        if time.time() - found.stat().st_mtime > len(Role) * _DUMP_SECONDS:
            shutil.rmtree(found, ignore_errors=True)


def _remove_old(parent: Path) -> None:
    """Remove all but the newest archives: a new jar makes the older ones useless.

    The marker of an attempt stays for some time. Otherwise the applications of many installations, used in turn, would
    create archives again and again, and remove each other's.
    """
    folders = [found for found in parent.iterdir() if found.is_dir() and not found.name.startswith(".")]
    for old in sorted(folders, key=lambda found: found.stat().st_mtime)[:-_KEPT_INSTALLATIONS]:
        shutil.rmtree(old, ignore_errors=True)
    for marker in parent.glob(".*.tried"):
        if time.time() - marker.stat().st_mtime > _MARKER_SECONDS:
            for suffix in (".tried", ".lock", ".log"):
                marker.with_suffix(suffix).unlink(missing_ok=True)


def _dump(java: Java, role: Role, folder: Path) -> None:
    # Java skips listed classes that this installation does not have.
    classes, archive = folder / f"{role.value}.classes", folder / f"{role.value}.jsa"
    classes.write_bytes(gzip.decompress(resources.files(__package__).joinpath(f"{role.value}.classes.gz").read_bytes()))
    command = [
        str(java.executable),
        "-Xshare:dump",
        f"-XX:SharedClassListFile={classes}",
        f"-XX:SharedArchiveFile={archive}",
        "-cp",
        os.pathsep.join(map(str, _installation.class_path())),
        *_installation.MODULE_OPTIONS,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_DUMP_SECONDS)
    classes.unlink()
    if done.returncode != 0 or not archive.is_file():
        raise MissingRequirementError(
            "This Java did not create a class-data archive; applications start without one. Use an OpenJDK JDK. "
            f"Java: {java.executable}; output: {(done.stdout + done.stderr)[-2000:]}"
        )
