"""Which of Ray's own processes is gone, as sockets show it, and what the user is told."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, cast

from raydp._application import cluster_watch
from raydp._ray.cluster import RayCluster
from support.datasets import eventually

if TYPE_CHECKING:
    import pytest


def cluster(head: socket.socket, raylet: socket.socket) -> RayCluster:
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in (head, raylet)]
    return RayCluster(addresses[0], "n", "127.0.0.1", "/s", raylet=addresses[1])


def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_a_process_that_has_ended_is_named() -> None:
    with listener() as head, listener() as raylet:
        found = cluster(head, raylet)
        assert found.find_loss(patience=0.0) is None
        raylet.close()
        assert "raylet of this machine's Ray node has ended" in str(found.find_loss(patience=0.0))
        assert found.answers()
        head.close()
        loss = str(found.find_loss(patience=0.3))
        assert "head of the Ray cluster (its GCS) has ended" in loss and found.address in loss
        assert not found.answers()


def test_a_network_that_is_cut_off_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_answer(*_: object, **__: object) -> None:
        raise TimeoutError

    with listener() as head, listener() as raylet:
        found = cluster(head, raylet)
        monkeypatch.setattr(socket, "create_connection", no_answer)
        assert found.find_loss(patience=0.0) is None
        assert not found.answers()


def test_the_user_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lost:
        looks = 0

        def find_loss(self) -> str | None:
            self.looks += 1
            return "its raylet has ended" if self.looks > 2 else None

    told: list[str] = []
    monkeypatch.setattr(cluster_watch, "tell", told.append)
    monkeypatch.setattr(cluster_watch, "_INTERVAL_SECONDS", 0.01)
    lost = Lost()
    watch = cluster_watch.ClusterWatch(cast("RayCluster", lost))
    watch.start()
    assert eventually(lambda: bool(told))
    watch.close()
    (line,) = told
    assert "its raylet has ended" in line and "ray.shutdown()" in line
    assert lost.looks == 3
