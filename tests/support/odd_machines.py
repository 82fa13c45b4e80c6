"""Machines that lack something: commands that run a program without what others take for granted.

Namespaces make them, so nothing of this machine changes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = [
    "UNKNOWN_HOST",
    "UNKNOWN_USER",
    "closed_home",
    "reason_to_skip",
    "with_small_disk",
    "without_home",
    "without_names",
]

UNKNOWN_HOST = "no-such-host.invalid"
UNKNOWN_USER = 12345
# Owned by root and not writable, for root's user id without root's capabilities too.
_CLOSED = "/proc/no/home"
_PROBE_SECONDS = 10


def reason_to_skip() -> str | None:
    """Return why this machine cannot make namespaces; ``None``: it can."""
    if os.getuid() != 0 or shutil.which("unshare") is None:
        return "needs root and unshare"
    found = subprocess.run(
        [*without_names(), "true"], capture_output=True, text=True, check=False, timeout=_PROBE_SECONDS
    )
    return None if found.returncode == 0 else f"no namespaces here: {found.stderr.strip()}"


def without_names() -> Sequence[str]:
    """Return a command that runs another one where the host's name resolves nowhere and the user has no name.

    In the user namespace, the files of root belong to the unknown user.
    """
    user = ["unshare", "--user", f"--map-user={UNKNOWN_USER}", f"--map-group={UNKNOWN_USER}"]
    return ["unshare", "--uts", "sh", "-c", f'hostname {UNKNOWN_HOST} && exec {" ".join(user)} "$@"', "sh"]


def with_small_disk(folder: Path, *, megabytes: int) -> Sequence[str]:
    """Return a command that runs another one for which a small file system is mounted on a folder."""
    mount = f"mount -t tmpfs -o size={megabytes}m none {folder} && mkdir {folder}/spill {folder}/spark"
    return ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh"]


def closed_home() -> str:
    """Return a home folder that does not exist and cannot be created."""
    return _CLOSED


def without_home() -> dict[str, str | None]:
    """Return changes of the environment for a user without a home, in which tests have set no other folders."""
    return {"HOME": _CLOSED, "XDG_CACHE_HOME": None, "RAY_TMPDIR": None}
