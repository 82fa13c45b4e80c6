"""Keeps other machines away from ``mpirun`` if all ranks run on this one.

``mpirun`` always listens on all addresses, in Open MPI as in MPICH and Intel MPI. Its options choose which address it
announces, not the one that it listens on. The kernel lets a process change the sockets of another one of the same user,
so raydp limits them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import threading
from typing import TYPE_CHECKING

import psutil

from raydp._machine.console import tell
from raydp.mpi.variables import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["SHARED_MEMORY_ONLY", "kept_from_other_machines"]

SHARED_MEMORY_ONLY = {"OMPI_MCA_pml": "ob1", "OMPI_MCA_btl": "^tcp,ofi", "UCX_TLS": "self,sm"}
"""Settings with which the ranks of Open MPI, and those of MPICH over UCX, use no network, and do not listen on one.

Other MPIs ignore them. The ranks of Intel MPI listen on none anyway if they are on one machine.
"""

_PIDFD_GETFD = 438  # on every architecture
_LOOPBACK = b"lo"
_ALL_ADDRESSES = ("0.0.0.0", "::")
_INTERVAL_SECONDS = 0.1
_JOIN_SECONDS = 10.0


@contextlib.contextmanager
def kept_from_other_machines(launcher: int) -> Iterator[None]:
    """Let only this machine connect to a launcher, while the body of a ``with`` waits for its ranks.

    Args:
        launcher: Process id of the launcher. Processes that it starts are included, except the ranks: other nodes of
            the Ray cluster must reach those.
    """
    have_joined = threading.Event()
    thread = threading.Thread(target=_watch, args=(launcher, have_joined), name="raydp-mpi-loopback", daemon=True)
    thread.start()
    try:
        yield
    finally:
        have_joined.set()
        thread.join(_JOIN_SECONDS)


def _watch(launcher: int, have_joined: threading.Event) -> None:
    limited: set[int] = set()
    refused: OSError | None = None
    is_last = False
    while not is_last:
        is_last = have_joined.wait(_INTERVAL_SECONDS)  # when all have joined, the launcher opens no other port
        for process in _launchers(launcher):
            try:
                limited |= _limit(process, limited)
            except psutil.Error:
                continue  # it has ended
            except OSError as error:
                refused = error
    if refused is not None:
        tell(
            "mpirun listens on all network interfaces, and this system does not let raydp change that. If others can "
            f"reach this machine, close mpirun's ports with a firewall (see docs/mpi.md). Error: {refused}"
        )


def _launchers(launcher: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(launcher)
        found = [process, *process.children(recursive=True)]
        return [one for one in found if not _is_rank(one)]
    return []


def _is_rank(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[1:3] == ["-m", PROGRAM]
    except psutil.Error:
        return True


def _limit(process: psutil.Process, limited: Collection[int]) -> set[int]:
    """Let the sockets of a process that listen on all addresses accept connections from this machine only.

    Returns:
        The ports of these sockets, without those of ``limited``.
    """
    ports = set()
    for connection in process.net_connections("tcp"):
        address, port = connection.laddr
        if connection.status != psutil.CONN_LISTEN or address not in _ALL_ADDRESSES or port in limited:
            continue
        with _socket_of(process.pid, connection.fd) as listener:
            # A connection from this machine to one of its addresses comes through this device, too.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, _LOOPBACK)
        ports.add(port)
    return ports


def _socket_of(process_id: int, descriptor: int) -> socket.socket:
    """Return a duplicate of another process's socket."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(process_id)
    try:
        duplicate = libc.syscall(_PIDFD_GETFD, process, descriptor, 0)
    finally:
        os.close(process)
    if duplicate < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"pidfd_getfd failed: {os.strerror(error)}")
    return socket.socket(fileno=duplicate)
