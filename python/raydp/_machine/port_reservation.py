"""Keeps a port free for a server that starts later, and again after each of its ends."""

from __future__ import annotations

import socket

__all__ = ["PortReservation"]


class PortReservation:
    """A port that this process has taken, and on which only servers that are told of it listen.

    A socket that is bound and does not listen keeps the port from everyone who asks the kernel for any. A server that
    names the port, and reuses addresses as Java's servers do, can listen on it.

    Args:
        host: Address of this machine.

    Raises:
        OSError: This machine has no such address.
    """

    def __init__(self, host: str) -> None:
        family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        self._socket = socket.socket(family, kind, protocol)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(address)
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]

    def release(self) -> None:
        """Let others have the port. Idempotent."""
        self._socket.close()
