"""The folder of a Ray session on this node, which other users must not be able to change.

Ray makes the folders of a session writable for everyone, without the sticky bit, and loads native libraries from there.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from raydp._machine.socket_folder import find_socket_folder
from raydp._machine.trusted_paths import find_untrusted, is_private_folder, make_private
from raydp._ray.internals import current_cluster_file
from raydp.errors import ClusterError

__all__ = ["close_session", "folder_for_new_cluster", "private_folder", "protect_session", "will_find_cluster"]


def folder_for_new_cluster() -> Path | None:
    """Return a folder for the sessions of a cluster that ``ray.init()`` starts, which only this user can enter.

    Returns:
        ``None`` if ``ray.init()`` would find a cluster, or if the user has chosen a folder (``RAY_TMPDIR``).
    """
    if "RAY_TMPDIR" in os.environ or will_find_cluster():
        return None
    return private_folder() / "ray"  # Ray opens its own folder to everyone


def will_find_cluster() -> bool:
    """Tell whether ``ray.init()`` joins a cluster instead of starting one."""
    return os.environ.get("RAY_ADDRESS") not in (None, "", "local") or current_cluster_file().exists()


def private_folder() -> Path:
    """Return a folder for Ray's files that only this user can enter."""
    folder = find_socket_folder() / f"raydp-ray-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if not is_private_folder(folder):  # somebody else has taken the name
        folder = Path(tempfile.mkdtemp(prefix="raydp-ray-", dir=folder.parent))
    return folder


def close_session(folder: Path) -> None:
    """Take from others the access to a session's folder, if it belongs to this user.

    Each Python worker of Ray opens it again when it starts. Only a folder above it that others cannot enter, as
    :func:`folder_for_new_cluster` makes it, protects it all the time.
    """
    make_private(folder)
    above = folder.parent
    found = above.stat()
    # Without the sticky bit, everyone who can write to the folder above can replace this one.
    if found.st_uid == os.getuid() and found.st_mode & 0o022:
        above.chmod(stat.S_IMODE(found.st_mode) | stat.S_ISVTX)


def protect_session(folder: Path) -> None:
    """Close a session's folder to other users, and check that nothing in it that Ray loads belongs to one of them.

    Raises:
        ClusterError: Something does.
    """
    close_session(folder)
    for path in (folder, *folder.glob("*.so")):
        # Not who can write to it: a worker that starts now opens it again.
        untrusted = find_untrusted(path, only_owners=True)
        if untrusted is not None:
            raise ClusterError(
                "Other users of this machine can replace files that Ray loads, and so run code as this user. Start Ray "
                "as the user that runs this program, with RAY_TMPDIR set to a folder that only this user can write to, "
                f"or end Ray and let init_spark start it. Not protected: {untrusted}, of Ray's session {folder}"
            )
