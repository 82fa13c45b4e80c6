"""Deletes folders after a process has ended, however it ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["FolderGuard"]

_END_SECONDS = 5.0
# The inner shell does the work: Ray kills the children of a process that it ends. It deletes more than once, because
# processes that end with this one may still write.
_SCRIPT = (
    "exec 3<&0; /bin/sh -c '"
    'trap "" HUP INT TERM; IFS= read -r word && exit; for pause in 0 1 3; do sleep $pause; rm -rf -- "$@"; done'
    '\' raydp-folder-guard "$@" <&3 3<&- & exec 3<&- </dev/null; wait'
)


class FolderGuard:
    """Deletes folders with this process, also if it is killed: a shell waits for the end of a pipe.

    Args:
        folders: What to delete.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = list(folders)
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "raydp-folder-guard", *map(os.fspath, self._folders)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def delete(self) -> None:
        """Delete the folders now, and end the shell. Idempotent."""
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
        pipe = self._shell.stdin
        if pipe is None or pipe.closed:
            return
        with contextlib.suppress(OSError):  # the shell was killed
            pipe.write(b".\n")
            pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._shell.wait(_END_SECONDS)
