"""Asks the master of a standalone cluster which workers and applications it has."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass

__all__ = ["MasterClient", "MasterState", "RegisteredWorker"]

_ALIVE = "ALIVE"


@dataclass(frozen=True)
class RegisteredWorker:
    """A worker that the master uses.

    Attributes:
        host: Its address.
        port: Its port.
        cores_used: How many of its cores executors have.
    """

    host: str
    port: int
    cores_used: int


@dataclass(frozen=True)
class MasterState:
    """What a master says of its cluster.

    Attributes:
        workers: Its living workers.
        applications: Ids of the applications that run or wait.
    """

    workers: tuple[RegisteredWorker, ...]
    applications: tuple[str, ...]


class MasterClient:
    """Reads the JSON page of a master's UI.

    Args:
        address: ``http://HOST:PORT``.
        token: What opens the page, if it needs anything.
    """

    def __init__(self, address: str, token: str | None) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._request = urllib.request.Request(f"{address}/json/", headers=headers)
        # Without the proxies of the environment: the master is in the cluster.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, timeout: float) -> MasterState | None:
        """Return the state; ``None`` if the master does not answer in time, or recovers."""
        try:
            with self._opener.open(self._request, timeout=timeout) as answer:
                state = json.load(answer)
        except (OSError, ValueError, urllib.error.URLError):
            return None
        if state["status"] != _ALIVE:
            return None
        return MasterState(
            tuple(
                RegisteredWorker(str(one["host"]), int(one["port"]), int(one["coresused"]))
                for one in state["workers"]
                if one["state"] == _ALIVE
            ),
            tuple(str(one["id"]) for one in state["activeapps"]),
        )
