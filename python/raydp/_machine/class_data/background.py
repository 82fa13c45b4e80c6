"""Has the archives made behind the first application of an installation, so that the second one starts with them."""

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
from raydp._machine.class_data.archives import Role, find_archive, folder_for, mark_beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raydp._machine.java import Java

__all__ = ["archive_in_background", "tried_once"]

_logger = logging.getLogger(__name__)
_FREE_BYTES = 2 * 1024**3
# What a Python and a Java need to start; not the program's own, such as the address of its Ray cluster.
_VARIABLES = ("HOME", "JAVA_HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "SPARK_HOME", "TMPDIR", "XDG_CACHE_HOME")


def archive_in_background(java: Java) -> bool:
    """Start a process that makes the archives and outlives this one, unless there are some or it was tried before.

    Returns:
        Whether it was started. It takes a minute or two of one processor that nobody else wants.
    """
    folder = folder_for(java)
    nice = shutil.which("nice")
    if all(find_archive(java, role) for role in Role) or mark_beside(folder).exists() or nice is None:
        return False
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder.parent).free < _FREE_BYTES:
            return False
        with mark_beside(folder).with_suffix(".log").open("wb") as log:
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
        _logger.debug("Class-data archives cannot be made in the background: %s", error)
        return False
    return True


@contextlib.contextmanager
def tried_once(java: Java) -> Iterator[bool]:
    """Tell whether this process is the first to try to make these archives; what fails once is not tried again."""
    mark = mark_beside(folder_for(java))
    mark.parent.mkdir(parents=True, exist_ok=True)
    with mark.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        if mark.exists():
            yield False
            return
        yield True
        mark.touch()


def _python_path() -> str:
    """With this raydp first, wherever the program found it."""
    package = str(Path(_installation.__file__).parents[2])
    return os.pathsep.join(dict.fromkeys([package, *filter(None, [os.environ.get("PYTHONPATH")])]))
