"""Create the archives in the background after the first application, for the applications that follow."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from raydp._machine import installation as _installation
from raydp._machine.class_data.archives import Role, attempt_marker, find_archive, folder_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raydp._machine.java import Java

__all__ = ["archive_in_background", "first_attempt"]

_logger = logging.getLogger(__name__)
_FREE_BYTES = 2 * 1024**3
# What Python and Java need to start, without the program's own variables, such as the address of its Ray cluster.
_VARIABLES = ("HOME", "JAVA_HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "SPARK_HOME", "TMPDIR", "XDG_CACHE_HOME")


_started: set[Path] = set()
"""The folders for which this process has started the job, which may not have begun."""


def archive_in_background(java: Java) -> bool:
    """Start a low-priority process that creates the archives, unless they exist or an attempt was made or runs.

    The process outlives this one. It uses one processor for a minute or two.

    Returns:
        Whether the process was started.
    """
    folder = folder_for(java)
    nice = shutil.which("nice")
    if folder is None or nice is None or all(find_archive(java, role) for role in Role):
        return False
    try:
        if attempt_marker(folder).exists() or folder in _started or _is_attempted(folder):
            return False
        folder.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder.parent).free < _FREE_BYTES:
            return False
        with attempt_marker(folder).with_suffix(".log").open("wb") as log:
            subprocess.Popen(
                [nice, "-n", "19", sys.executable, "-m", "raydp", "archive", "--once"],
                env={name: os.environ[name] for name in _VARIABLES if name in os.environ}
                | {"PYTHONPATH": _python_path()},
                cwd=folder.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        _logger.debug("Cannot create class-data archives in the background: %s", error)
        return False
    _started.add(folder)
    return True


def _is_attempted(folder: Path) -> bool:
    """Return whether a process creates the archives now."""
    try:
        with _lock_of(attempt_marker(folder)).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _lock_of(marker: Path) -> Path:
    return marker.with_suffix(".lock")


@contextlib.contextmanager
def first_attempt(java: Java) -> Iterator[bool]:
    """Yield whether this process is the first that tries to create these archives. A failed attempt is not repeated."""
    folder = folder_for(java)
    if folder is None:
        yield False
        return
    marker = attempt_marker(folder)
    with contextlib.ExitStack() as stack:
        try:
            marker.parent.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(_lock_of(marker).open("w"))
        except OSError as error:
            _logger.warning("Class-data archives cannot be written: %s", error)
            yield False
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        if marker.exists():
            yield False
            return
        yield True
        marker.touch()


def _python_path() -> str:
    """Return PYTHONPATH with the folder of this raydp first, so that the process runs the same version."""
    package = str(Path(_installation.__file__).parents[2])
    return os.pathsep.join(dict.fromkeys([package, *filter(None, [os.environ.get("PYTHONPATH")])]))
