"""Checks of what the system or a container may refuse to processes: files, threads, memory files, native code."""

from __future__ import annotations

import os
import re
import resource
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from raydp._doctor.findings import Finding, Level
from raydp._machine.socket_folder import find_socket_folder
from raydp.errors import MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_folder_of_code", "check_memory_files", "check_native_code", "check_open_files", "check_threads"]

_MINIMUM_FILES = 1024
"""A driver JVM opens the 300 jars of its class path, and each connection takes a file."""
_COMFORTABLE_FILES = 4096
_MINIMUM_THREADS = 500
"""What Ray's processes, the JVMs of a driver and of one executor, and Python workers start on a small machine."""
_COMFORTABLE_THREADS = 2000
_COUNTED_THREADS = 16384
"""Looking at all processes takes some milliseconds. Below this limit, it is worth them."""
_PROCESSES = Path("/proc")
CONTROL_GROUPS = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 20


def check_open_files(settings: Mapping[str, str]) -> str | Finding:
    """Check how many files a process may open. Ray and JVMs raise the soft limit to the hard one themselves."""
    del settings
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = _UNLIMITED if hard == resource.RLIM_INFINITY else hard
    fix = (
        "Raise the hard limit: `ulimit -n 65536` as root, `nofile` in /etc/security/limits.conf, or `--ulimit nofile="
        "65536` for a container"
    )
    if limit < _MINIMUM_FILES:
        raise MissingRequirementError(
            f"A process may open too few files: Java could not load classes, and Ray could not connect. {fix}. "
            f"Needed: {_MINIMUM_FILES}; limit (`ulimit -Hn`): {limit}"
        )
    if limit < _COMFORTABLE_FILES:
        return Finding(
            "open files",
            Level.WARNING,
            f"A process may open few files; large shuffles and many executors need more. {fix}. Recommended: at least "
            f"{_COMFORTABLE_FILES}; limit (`ulimit -Hn`): {limit}",
        )
    return f"at most {limit} in a process"


def check_threads(settings: Mapping[str, str]) -> str | Finding:
    """Check how many more threads and processes this user and this container may start."""
    del settings
    limits = [one for one in (_user_limit(), _control_group_limit()) if one is not None]
    if not limits:
        return "no limit"
    limit, used, source = min(limits, key=lambda one: one[0] - one[1])
    free = max(0, limit - used)
    text = f"{free} more of {limit} ({source})"
    fix = (
        "Raise it: `ulimit -u 65536` as root, `nproc` in /etc/security/limits.conf, or `--pids-limit` for a container; "
        "or end other programs of this user"
    )
    if free < _MINIMUM_THREADS:
        raise MissingRequirementError(
            "Too few processes and threads may be started: Ray, the driver's and the executors' JVMs need more. "
            f"{fix}. Needed: {_MINIMUM_THREADS}; found: {text}"
        )
    if free < _COMFORTABLE_THREADS:
        return Finding(
            "threads",
            Level.WARNING,
            f"Few processes and threads may be started. With many executors or cores, starts fail. {fix}. "
            f"Recommended: {_COMFORTABLE_THREADS}; found: {text}",
        )
    return text


def check_memory_files(settings: Mapping[str, str]) -> str:
    """Check that the system creates and seals memory files, with which conversions share memory."""
    del settings
    import fcntl

    try:
        descriptor = os.memfd_create("raydp-doctor", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise MissingRequirementError(
            "The system refuses memory files, and conversions between Spark and Ray need them. Allow the call "
            "memfd_create in the container's seccomp profile (Docker's default profile does); a kernel without it is "
            f"too old. Error of memfd_create: {error}"
        ) from error
    return "memory files can be created and sealed"


def check_native_code(settings: Mapping[str, str]) -> str:
    """Check that native libraries can be loaded from the folders in which Ray and Spark's jars unpack theirs."""
    del settings
    folders = {"TMPDIR": Path(tempfile.gettempdir()), "RAY_TMPDIR": _sessions_folder()}
    for variable, folder in folders.items():
        check_folder_of_code(folder, variable)
    return f"native libraries load from {', '.join(sorted({str(folder) for folder in folders.values()}))}"


def check_folder_of_code(folder: Path, variable: str = "RAY_TMPDIR") -> None:
    """Check that native libraries can be loaded from a folder.

    Args:
        folder: The folder.
        variable: The variable of the environment that names another folder.

    Raises:
        MissingRequirementError: They cannot.
    """
    if os.statvfs(folder).f_flag & os.ST_NOEXEC:
        raise MissingRequirementError(
            "The folder for temporary files is on a file system that is mounted `noexec`. Ray and Spark's jars unpack "
            f"native libraries there, and Java could not load them. Before Ray starts, set {variable} to a folder on "
            f"another file system, or mount this one with `exec`. Folder: {folder}"
        )


def _sessions_folder() -> Path:
    """Return the folder in which Ray keeps its sessions, or the nearest one above it that exists."""
    configured = os.environ.get("RAY_TMPDIR")
    folder = Path(configured).absolute() if configured else find_socket_folder()
    while not folder.exists():
        folder = folder.parent
    return folder


def _user_limit() -> tuple[int, int, str] | None:
    """Return how many threads this user may have, and has; ``None``: there is no limit that matters."""
    soft = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    # The kernel does not apply it to root.
    if os.getuid() == 0 or soft == resource.RLIM_INFINITY or soft >= _UNLIMITED:
        return None
    used = _count_threads(os.getuid()) if soft < _COUNTED_THREADS else 0
    return soft, used, "`ulimit -u`"


def _count_threads(user: int) -> int:
    count = 0
    for folder in _PROCESSES.glob("[0-9]*"):
        try:
            if folder.stat().st_uid == user:
                found = re.search(r"^Threads:\s+(\d+)", Path(folder, "status").read_text(), re.MULTILINE)
                count += int(found[1]) if found is not None else 0
        except OSError:  # it has ended
            continue
    return count


def _control_group_limit() -> tuple[int, int, str] | None:
    """Return how many threads this container may have, and has; ``None``: there is no limit."""
    for folder in (CONTROL_GROUPS, CONTROL_GROUPS / "pids"):
        try:
            limit = Path(folder, "pids.max").read_text(encoding="ascii").strip()
            if limit.isdigit():
                used = int(Path(folder, "pids.current").read_text(encoding="ascii"))
                return int(limit), used, "control group"
        except OSError:
            continue
    return None
