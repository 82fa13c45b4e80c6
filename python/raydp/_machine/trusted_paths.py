"""Which files may be loaded: those that nobody but this user and the administrator can replace.

The rule is that of OpenSSH's ``StrictModes``, for symbolic links too. The file, and every folder and link on the way to
it, belong to this user or to the administrator, and nobody else can write to them. Two kinds of folders count less
strictly. Others may write to a folder with the sticky bit, such as ``/tmp``: they cannot replace what belongs to
somebody else there. What they may do in a folder does not matter if they cannot enter a folder above it.
``io.raydp.security.TrustedPaths`` is the same rule for JVMs.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["find_untrusted", "is_private_folder", "is_trusted", "make_private"]

_MAX_LINKS = 40  # as the kernel


def is_trusted(path: Path) -> bool:
    """Return whether nobody but this user and the administrator can change what a path leads to.

    A path that leads to nothing is not trusted.
    """
    try:
        return find_untrusted(path) is None
    except OSError:
        return False


def find_untrusted(path: Path, *, only_owners: bool = False) -> Path | None:
    """Return the first file, folder or link on the way to a path that somebody else can replace.

    Args:
        path: A path to something that exists. A relative path is taken from the working folder.
        only_owners: Look only at whom it belongs to, not at who else can write to it.

    Returns:
        ``None`` if the path is trusted.

    Raises:
        OSError: A part of the path does not exist or cannot be looked at.
    """
    owners = _trusted_owners()
    here = Path("/")
    closed = {here: False}  # whether others cannot enter this folder, or one above it
    names = list(path.absolute().parts)  # the first is the root
    links = 0
    while names:
        name = names.pop(0)
        step = here.parent if name == ".." else here / name
        found = step.lstat()
        is_closed = closed[here]
        is_protected = is_closed or only_owners or stat.S_ISLNK(found.st_mode) or _protects_contents(found)
        if found.st_uid not in owners or not is_protected:
            return step
        if not stat.S_ISLNK(found.st_mode):
            closed.setdefault(step, is_closed or not _others_can(found, enter=True))
            here = step
            continue
        links += 1
        if links > _MAX_LINKS:
            raise OSError(f"Too many symbolic links: {path}")
        target = step.readlink()
        here = Path("/") if target.is_absolute() else here
        names = [*target.parts, *names]
    # Others can create files in a sticky folder. It protects what it contains, but not itself.
    return None if only_owners or closed[here] or not _others_can(here.lstat()) else here


def is_private_folder(folder: Path) -> bool:
    """Return whether this is a folder of this user's, and no link, that nobody else can enter."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def make_private(path: Path) -> bool:
    """Take all permissions on this user's file or folder from others.

    Returns:
        Whether they had any. A link, and what belongs to somebody else, is left alone.
    """
    try:
        found = path.lstat()
    except OSError:
        return False
    if found.st_uid != os.getuid() or stat.S_ISLNK(found.st_mode) or not found.st_mode & 0o077:
        return False
    path.chmod(stat.S_IMODE(found.st_mode) & 0o700)
    return True


def _trusted_owners() -> set[int]:
    # In a user namespace, the administrator's files can have another owner than 0: the owner of "/".
    return {os.getuid(), 0, os.lstat("/").st_uid}


def _protects_contents(found: os.stat_result) -> bool:
    is_sticky = stat.S_ISDIR(found.st_mode) and bool(found.st_mode & stat.S_ISVTX)
    return is_sticky or not _others_can(found)


def _others_can(found: os.stat_result, *, enter: bool = False) -> bool:
    """Return whether others may write to a file or folder, or enter a folder."""
    others, group = (stat.S_IXOTH, stat.S_IXGRP) if enter else (stat.S_IWOTH, stat.S_IWGRP)
    # Group 0 is the administrator's. A group with the number of its user is that user's own, as most distributions
    # create it, and many of them let groups write by default.
    is_own_group = found.st_gid == 0 or found.st_gid == os.getgid() == os.getuid()
    return bool(found.st_mode & others) or (bool(found.st_mode & group) and not is_own_group)
