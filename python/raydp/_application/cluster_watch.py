"""Tells the user that the Ray cluster of the application is gone, before Ray ends the process because of that."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from raydp._machine.console import tell

if TYPE_CHECKING:
    from raydp._ray.cluster import RayCluster

__all__ = ["ClusterWatch"]

_INTERVAL_SECONDS = 5.0


class ClusterWatch:
    """Looks after the cluster of an application in a thread of its own.

    Args:
        cluster: The cluster.
    """

    def __init__(self, cluster: RayCluster) -> None:
        self._cluster = cluster
        self._ended = threading.Event()

    def start(self) -> None:
        """Start. The thread ends with :meth:`close`, or when it has told of a loss."""
        threading.Thread(target=self._watch, name="raydp-cluster-watch", daemon=True).start()

    def close(self) -> None:
        """Tell nothing any more; may be called more than once."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(_INTERVAL_SECONDS):
            loss = self._cluster.find_loss()
            if loss is None:
                continue
            if not self._ended.is_set():
                tell(
                    f"Spark cannot go on: {loss}. Ray ends this process soon, within about a minute. To keep it, call "
                    "raydp.stop_spark() and ray.shutdown()"
                )
            return
