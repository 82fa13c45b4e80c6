"""Makes the archives: has the JDK archive the classes that are listed beside this file."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from raydp._machine import installation as _installation
from raydp._machine.class_data.archives import Role, folder_for, mark_beside
from raydp.errors import MissingRequirementError

if TYPE_CHECKING:
    from raydp._machine.java import Java

__all__ = ["make_archives"]

_DUMP_SECONDS = 1800
_KEPT = 3


def make_archives(java: Java) -> list[Path]:
    """Make this machine's archives anew; takes a minute of one processor.

    Returns:
        The archives, some 350 MB together. Those of the three installations that were archived last stay.

    Raises:
        MissingRequirementError: This Java does not make an archive.
        OSError: The folder cannot be written to.
    """
    folder = folder_for(java)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as name:
        new = Path(name)
        for role in Role:
            _dump(java, role, new)
        # A JVM that has an archive mapped keeps it; the next ones find the new one.
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    _forget_old(folder.parent)
    return [folder / f"{role.value}.jsa" for role in Role]


def _forget_old(parent: Path) -> None:
    """Remove archives beyond the newest few: every new jar makes others of them useless."""
    made = [found for found in parent.iterdir() if found.is_dir() and not found.name.startswith(".")]
    for old in sorted(made, key=lambda found: found.stat().st_mtime)[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
        for beside in (".tried", ".lock", ".log"):
            mark_beside(old).with_suffix(beside).unlink(missing_ok=True)  # who needs them again may make them again


def _dump(java: Java, role: Role, folder: Path) -> None:
    """Classes of the list that this installation does not have are left out by Java."""
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
            "This Java made no class-data archive; applications start without one. Use a JDK of OpenJDK's. Java: "
            f"{java.executable}; it said: {(done.stdout + done.stderr)[-2000:]}"
        )
