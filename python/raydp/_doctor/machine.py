"""Memory, shared memory, addresses and folders of this machine, as its container allows them."""

from __future__ import annotations

import os
import re
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from raydp._doctor.findings import Finding, Level
from raydp._machine.socket_folder import find_socket_folder
from raydp.errors import ClusterError, MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["address", "check_address", "memory", "shared_memory", "socket_folder"]

_GIBIBYTE = 1 << 30
_LEAST_MEMORY = 3 * _GIBIBYTE // 4
"""A driver's and an executor's JVM with next to no data take this much."""
_COMFORTABLE_MEMORY = 2 * _GIBIBYTE
_STORE_SHARE = 0.3
"""Of the memory; what Ray makes its object store of by default."""
CONTROL_GROUPS = Path("/sys/fs/cgroup")
_SHARED_MEMORY = Path("/dev/shm")
_LEAST_DISK = _GIBIBYTE


def memory(settings: Mapping[str, str]) -> str | Finding:
    """Compare the free memory, by the machine and by the control group, with what an application takes."""
    del settings
    total, free, source = _memory()
    text = f"{_size(free)} free of {_size(total)} ({source})"
    if total < _LEAST_MEMORY:
        raise MissingRequirementError(
            "There is too little memory for a driver and one executor. Give the container or machine more; "
            f"{_size(_LEAST_MEMORY)} are the least. Found: {text}"
        )
    if free < _COMFORTABLE_MEMORY:
        few = "no executor" if free < _LEAST_MEMORY else "one small executor only"
        return Finding(
            "memory",
            Level.WARNING,
            f"There is free memory for {few}; the kernel ends processes when it is spent. End other programs, or give "
            f"the container or machine more. Found: {text}",
        )
    return text


def shared_memory(settings: Mapping[str, str], *, folder: Path = _SHARED_MEMORY) -> str | Finding:
    """Look whether Ray's object store has room in shared memory."""
    del settings
    fix = "Start the container with `--shm-size`, or mount an emptyDir of medium Memory there in Kubernetes"
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise MissingRequirementError(
            f"There is no shared memory for Ray's object store: the folder is missing or cannot be written to. {fix}. "
            f"Folder: {folder}"
        )
    file_system = os.statvfs(folder)
    size, free = file_system.f_blocks * file_system.f_frsize, file_system.f_bavail * file_system.f_frsize
    wanted = int(_memory()[0] * _STORE_SHARE)
    text = f"{_size(free)} free of {_size(size)} in {folder}"
    if size < wanted:
        return Finding(
            "shared memory",
            Level.WARNING,
            f"Shared memory is smaller than Ray's object store by default ({_size(wanted)}), so that Ray puts it "
            f"on disk, where everything is slow. {fix}. Found: {text}",
        )
    return text


def address(settings: Mapping[str, str]) -> str | Finding:
    """Look whether this node's address, and the one that its name stands for, are its own."""
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
            "The name of this machine does not resolve, which delays and warns wherever Spark asks for it. Add a line "
            f"`{own} {name}` to /etc/hosts. Name: {name}; error: {error}",
        )
    for one in found:
        if not _is_own(one):
            return Finding(
                "address",
                Level.WARNING,
                "The name of this machine stands for an address that is not its own. Correct its line in /etc/hosts or "
                f"in the name service. Name: {name}; address: {one}; the node's own: {own}",
            )
    return f"{own}; {name} is {', '.join(found)}"


def check_address(node_address: str) -> None:
    """Make sure that a server can listen on the node's address.

    Raises:
        ClusterError: It cannot.
    """
    try:
        _bind(node_address)
    except OSError as error:
        raise ClusterError(
            "Nothing can listen on the address that Ray has for this node: it belongs to another machine, or the "
            "network changed since Ray started. Start Ray with the right `--node-ip-address`. "
            f"Address: {node_address}; error: {error}"
        ) from error


def socket_folder(settings: Mapping[str, str]) -> str | Finding:
    """Look whether the folder for temporary files takes files and Unix sockets, and has room."""
    del settings
    wanted = os.environ.get("TMPDIR")
    try:
        base = Path(tempfile.gettempdir())
        with (
            tempfile.TemporaryDirectory(prefix="raydp-doctor-", dir=find_socket_folder()) as folder,
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server,
        ):
            server.bind(str(Path(folder, "socket")))
    except OSError as error:
        raise MissingRequirementError(
            "The folder for temporary files takes no files or sockets: it is read-only, full, or on a file system "
            "without sockets. Set TMPDIR to a folder on a local disk that this user can write to. TMPDIR: "
            f"{wanted or 'not set'}; error: {error}"
        ) from error
    if wanted and not (Path(wanted).exists() and base.samefile(wanted)):
        return Finding(
            "temporary files",
            Level.WARNING,
            f"TMPDIR names a folder that cannot be written to, and {base} is used in its place. Correct or unset it. "
            f"TMPDIR: {wanted}",
        )
    file_system = os.statvfs(base)
    free = file_system.f_bavail * file_system.f_frsize
    text = f"{_size(free)} free in {base}"
    if free < _LEAST_DISK:
        return Finding(
            "temporary files",
            Level.WARNING,
            "There is little room for Spark's shuffle files and for what Ray spills. Make room, or set TMPDIR and "
            f"spark.local.dir to a larger disk. Found: {text}",
        )
    return text


def _is_own(candidate: str) -> bool:
    try:
        _bind(candidate)
    except OSError:
        return False
    return True


def _bind(candidate: str) -> None:
    family = socket.AF_INET6 if ":" in candidate else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind((candidate, 0))


def _memory() -> tuple[int, int, str]:
    """Return total and free bytes, the smaller of the machine's and the control group's, and which it was."""
    fields = dict(re.findall(r"^(\w+):\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"), re.MULTILINE))
    total, free = int(fields["MemTotal"]) << 10, int(fields["MemAvailable"]) << 10
    limited = _control_group()
    if limited is not None and limited[0] < total:
        return limited[0], min(free, limited[0] - limited[1]), "control group"
    return total, free, "machine"


def _control_group() -> tuple[int, int] | None:
    """Return limit and use in bytes of the control group that this process sees as its own."""
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
            return None  # "max": not limited
        # The kernel gives file pages back when memory is wanted. Version 1 has those of child groups in total_*.
        pages = dict(
            re.findall(r"^(?:total_)?((?:in)?active_file) (\d+)", statistics.read_text(encoding="ascii"), re.MULTILINE)
        )
        used = int(use.read_text(encoding="ascii")) - sum(map(int, pages.values()))
        return int(text), max(0, used)
    return None


def _size(count: int) -> str:
    return f"{count / _GIBIBYTE:.1f} GiB"
