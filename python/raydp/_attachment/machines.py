"""Which Ray nodes are on the machines that Spark's executors run on."""

from __future__ import annotations

import contextlib
import functools
import socket
from typing import TYPE_CHECKING

import ray

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["match_hosts"]


def match_hosts(hosts: Iterable[str]) -> dict[str, list[str]]:
    """Return, for each host name of Spark's, the ids (hex) of the living Ray nodes on that machine.

    Spark and Ray may call one machine by different names, or by the addresses of different network interfaces. A host
    is a node's machine if their names are equal, if they have an address in common, or if both are this machine.
    """
    nodes = [
        (node["NodeID"], frozenset({node["NodeManagerAddress"], node["NodeManagerHostname"]}))
        for node in ray.nodes()
        if node["Alive"]
    ]
    return {host: [node for node, names in nodes if _is_same_machine(host, names)] for host in hosts}


def _is_same_machine(host: str, names: Collection[str]) -> bool:
    if host in names:
        return True
    ours = _addresses(host)
    if any(ours & _addresses(name) for name in names):
        return True
    return _is_here(host) and any(_is_here(name) for name in names)


@functools.lru_cache(maxsize=4096)
def _addresses(host: str) -> frozenset[str]:
    """Return the addresses of a host without those that every machine has; none for an unknown name."""
    with contextlib.suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
        return frozenset(str(entry[4][0]) for entry in found if not _is_loopback(str(entry[4][0])))
    return frozenset()


@functools.lru_cache(maxsize=4096)
def _is_here(host: str) -> bool:
    """Tell whether a host is this machine: one of its addresses can be bound here."""
    with contextlib.suppress(OSError, UnicodeError):
        for family, kind, _, _, address in socket.getaddrinfo(host.strip("[]"), 0, type=socket.SOCK_STREAM):
            with contextlib.suppress(OSError), socket.socket(family, kind) as probe:
                probe.bind(address)
                return True
    return False


def _is_loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")
