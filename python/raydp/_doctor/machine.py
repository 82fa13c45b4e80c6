"""Checks of this machine's memory, shared memory, addresses and folders, within the limits of its container."""

from __future__ import annotations

import os
import re
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from raydp._doctor.findings import Finding, Level
from raydp._machine.ray_token import is_readable_for_others, token_file
from raydp._machine.socket_folder import find_socket_folder
from raydp.errors import ClusterError, InvalidArgumentError, MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "check_address",
    "check_addresses",
    "check_local_folders",
    "check_loopback",
    "check_memory",
    "check_shared_memory",
    "check_temporary_folder",
]

_GIBIBYTE = 1 << 30
_MINIMUM_MEMORY = 3 * _GIBIBYTE // 4
"""The JVMs of a driver and an executor use this much with very little data."""
_COMFORTABLE_MEMORY = 2 * _GIBIBYTE
_STORE_SHARE = 0.3
"""The share of the memory that Ray's object store gets by default."""
CONTROL_GROUPS = Path("/sys/fs/cgroup")
_SHARED_MEMORY = Path("/dev/shm")
_MINIMUM_DISK = _GIBIBYTE
_LOOPBACK = "127.0.0.1"


def check_memory(settings: Mapping[str, str]) -> str | Finding:
    """Check that the machine and its control group have enough free memory for an application."""
    del settings
    total, free, source = _read_memory()
    text = f"{_format_size(free)} free of {_format_size(total)} ({source})"
    if total < _MINIMUM_MEMORY:
        raise MissingRequirementError(
            "There is too little memory for a driver and one executor. Give the container or machine more memory, at "
            f"least {_format_size(_MINIMUM_MEMORY)}. Found: {text}"
        )
    if free < _COMFORTABLE_MEMORY:
        capacity = "no executor" if free < _MINIMUM_MEMORY else "only one small executor"
        return Finding(
            "memory",
            Level.WARNING,
            f"There is free memory for {capacity}; when it is used up, the kernel kills processes. End other programs, "
            f"or give the container or machine more memory. Found: {text}",
        )
    return text


def check_shared_memory(settings: Mapping[str, str], *, folder: Path = _SHARED_MEMORY) -> str | Finding:
    """Check that shared memory is large enough for Ray's object store."""
    del settings
    fix = "Start the container with `--shm-size`; in Kubernetes, mount an emptyDir of medium Memory there"
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise MissingRequirementError(
            f"There is no shared memory for Ray's object store: the folder is missing or not writable. {fix}. "
            f"Folder: {folder}"
        )
    file_system = os.statvfs(folder)
    size, free = file_system.f_blocks * file_system.f_frsize, file_system.f_bavail * file_system.f_frsize
    store = int(_read_memory()[0] * _STORE_SHARE)
    text = f"{_format_size(free)} free of {_format_size(size)} in {folder}"
    if size < store:
        return Finding(
            "shared memory",
            Level.WARNING,
            f"Shared memory is smaller than Ray's default object store ({_format_size(store)}), so Ray puts the store "
            f"on disk, which is slow. {fix}. Found: {text}",
        )
    return text


def check_addresses(settings: Mapping[str, str]) -> str | Finding:
    """Check that this node's address, and the address to which its host name resolves, belong to this machine."""
    del settings
    from ray.util import get_node_ip_address

    own = get_node_ip_address()
    check_address(own)
    name = socket.gethostname()
    try:
        found = sorted({str(info[4][0]) for info in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})
    except OSError as error:
        return Finding(
            "address",
            Level.WARNING,
            "The host name of this machine does not resolve. raydp uses addresses, but other libraries need the name, "
            f"such as MPI. Add the line `{own} {name}` to /etc/hosts. Name: {name}; error: {error}",
        )
    for one in found:
        if not _can_bind(one):
            return Finding(
                "address",
                Level.WARNING,
                "The host name of this machine resolves to an address of another machine. Correct it in /etc/hosts or "
                f"in DNS. Name: {name}; resolves to: {one}; the node's address: {own}",
            )
    return f"{own}; {name} is {', '.join(found)}"


def check_loopback(settings: Mapping[str, str]) -> str:
    """Check that this machine has the IPv4 address of the loopback device, also if its network has IPv6 only.

    Raises:
        MissingRequirementError: It has not.
    """
    del settings
    try:
        _bind(_LOOPBACK)
    except OSError as error:
        raise MissingRequirementError(
            "This machine or container has no IPv4 loopback address, through which PySpark and Ray connect their "
            "processes, also in a network with IPv6 only. As root, run `ip link set lo up` and `ip address add "
            f"127.0.0.1/8 dev lo`, or enable IPv4 for the container. Address: {_LOOPBACK}; error: {error}"
        ) from error
    return _LOOPBACK


def check_address(node_address: str) -> None:
    """Check that a server can listen on the node's address.

    Raises:
        ClusterError: No server can.
    """
    try:
        _bind(node_address)
    except OSError as error:
        raise ClusterError(
            "Nothing can listen on the address that Ray uses for this node: it belongs to another machine, or the "
            "network changed after Ray started. Start Ray with the correct `--node-ip-address`. "
            f"Address: {node_address}; error: {error}"
        ) from error


def check_ray_token(settings: Mapping[str, str]) -> str | Finding:
    """Check that other users cannot read Ray's token. A start of raydp makes it private."""
    del settings
    path = token_file()
    if path is None or not os.access(path, os.R_OK):
        return "none yet"
    if is_readable_for_others(path):
        return Finding(
            "Ray's token",
            Level.WARNING,
            "Other users of this machine can read Ray's token, and run code as this user with it. Run `chmod 600` on "
            f"the file. If somebody may have read it, delete it, so Ray creates another one. File: {path}",
        )
    return f"private: {path}"


def check_temporary_folder(settings: Mapping[str, str]) -> str | Finding:
    """Check that the folder for temporary files accepts files and Unix sockets, and has free space."""
    del settings
    setting = os.environ.get("TMPDIR")
    try:
        base = Path(tempfile.gettempdir())
        with (
            tempfile.TemporaryDirectory(prefix="raydp-doctor-", dir=find_socket_folder()) as folder,
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server,
        ):
            server.bind(str(Path(folder, "socket")))
    except OSError as error:
        raise MissingRequirementError(
            "Cannot create files or sockets in the folder for temporary files: it is read-only, full, or on a file "
            "system without sockets. Set TMPDIR to a folder on a local disk that this user can write to. TMPDIR: "
            f"{setting or 'not set'}; error: {error}"
        ) from error
    if setting and not (Path(setting).exists() and base.samefile(setting)):
        return Finding(
            "temporary files",
            Level.WARNING,
            f"TMPDIR names a folder that is not writable, so {base} is used instead. Correct or unset TMPDIR. "
            f"TMPDIR: {setting}",
        )
    file_system = os.statvfs(base)
    free = file_system.f_bavail * file_system.f_frsize
    text = f"{_format_size(free)} free in {base}"
    if free < _MINIMUM_DISK:
        return Finding(
            "temporary files",
            Level.WARNING,
            "There is little space for Spark's shuffle files and the objects that Ray spills. Free some space, or set "
            f"TMPDIR and spark.local.dir to folders on a larger disk. Found: {text}",
        )
    return text


def check_local_folders(settings: Mapping[str, str]) -> str | Finding:
    """Check that one of the folders for Spark's shuffle files and spilled blocks can be written to, as Spark needs."""
    from_environment = os.environ.get("SPARK_LOCAL_DIRS")
    name = "SPARK_LOCAL_DIRS" if from_environment else "spark.local.dir"
    folders = [one.strip() for one in (from_environment or settings.get(name, "")).split(",") if one.strip()]
    if not folders:
        return f"below {tempfile.gettempdir()} ({name} is not set)"
    errors = {folder: error for folder in folders if (error := _find_write_error(Path(folder))) is not None}
    reasons = "; ".join(f"{folder}: {error}" for folder, error in errors.items())
    if len(errors) == len(folders):
        raise InvalidArgumentError(
            "Spark cannot write to any of its local folders: they are read-only, belong to another user, or lie below "
            f"a file. Name folders on a local disk that this user can write to. {name}: {', '.join(folders)}; {reasons}"
        )
    if errors:
        return Finding(
            "local folders",
            Level.WARNING,
            f"Spark cannot write to some of its local folders, and leaves them out. Correct {name}. Not writable: "
            f"{reasons}",
        )
    return ", ".join(folders)


def _find_write_error(folder: Path) -> OSError | None:
    """Return why nothing can be created in a folder, or in the nearest one above it that exists."""
    try:
        while not folder.exists():
            folder = folder.parent
        with tempfile.TemporaryDirectory(prefix="raydp-", dir=folder):
            return None
    except OSError as error:
        return error


def _can_bind(candidate: str) -> bool:
    try:
        _bind(candidate)
    except OSError:
        return False
    return True


def _bind(candidate: str) -> None:
    family = socket.AF_INET6 if ":" in candidate else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind((candidate, 0))


def _read_memory() -> tuple[int, int, str]:
    """Return total and free bytes of the machine or of its control group, whichever is smaller, and which it is."""
    fields = dict(re.findall(r"^(\w+):\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"), re.MULTILINE))
    total, free = int(fields["MemTotal"]) << 10, int(fields["MemAvailable"]) << 10
    limited = _read_control_group()
    if limited is not None and limited[0] < total:
        return limited[0], min(free, limited[0] - limited[1]), "control group"
    return total, free, "machine"


def _read_control_group() -> tuple[int, int] | None:
    """Return the memory limit and use of this process's control group, in bytes; ``None``: there is no limit."""
    root = CONTROL_GROUPS
    for limit, use, statistics in (
        (root / "memory.max", root / "memory.current", root / "memory.stat"),
        (
            root / "memory/memory.limit_in_bytes",
            root / "memory/memory.usage_in_bytes",
            root / "memory/memory.stat",
        ),
    ):
        if not limit.is_file():
            continue
        text = limit.read_text(encoding="ascii").strip()
        if not text.isdigit():
            return None  # "max"
        # File pages count as free, because the kernel reclaims them. Version 1 has those of child groups in total_*.
        pages = dict(
            re.findall(r"^(?:total_)?((?:in)?active_file) (\d+)", statistics.read_text(encoding="ascii"), re.MULTILINE)
        )
        used = int(use.read_text(encoding="ascii")) - sum(map(int, pages.values()))
        return int(text), max(0, used)
    return None


def _format_size(count: int) -> str:
    return f"{count / _GIBIBYTE:.1f} GiB"
