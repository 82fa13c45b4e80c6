"""Clients that do not have an application's secret."""

from __future__ import annotations

import socket

__all__ = ["answer_to_stranger", "send_as_stranger"]


def answer_to_stranger(host: str, port: int) -> str:
    """Call a port as one process of Spark calls another, but without the secret. Return the error in the answer."""
    # A frame of Spark's network library: its length, message type (3: a call), the call's number, body size, body.
    body = b"hello"
    frame = (8 + 1 + 8 + 4 + len(body)).to_bytes(8, "big") + b"\x03" + bytes(8) + len(body).to_bytes(4, "big") + body
    failure = 5
    try:
        with socket.create_connection((host, port), timeout=5) as client:
            client.settimeout(5)
            client.sendall(frame)
            answer = client.recv(1 << 16)
    except OSError:
        return ""
    return answer[9:].decode(errors="replace") if len(answer) > 8 and answer[8] == failure else ""


def send_as_stranger(host: str, port: int, announced: int) -> int:
    """Announce a message of so many bytes, and send it until the connection is closed. Return how much was sent."""
    sent = 0
    zeros = bytes(1 << 20)
    try:
        with socket.create_connection((host, port), timeout=30) as client:
            client.sendall(announced.to_bytes(8, "big"))
            while sent < announced:
                sent += client.send(zeros)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return sent
