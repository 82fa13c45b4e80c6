"""Settings of Ray Train that exist as environment variables of the driver only."""

from __future__ import annotations

import os

import ray

__all__ = ["settle"]

_POLL_SECONDS = "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"
_PREEMPTION = "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER"

_set_here: set[str] = set()


def settle() -> None:
    """Give Ray Train the settings of short trainings, where the user has not chosen others.

    Its controller asks the workers five times a second, not every two seconds, so that a fit ends soon after its
    training. On a cluster of one node, nobody watches for preempted nodes: that takes a process that imports Ray
    Train, seconds of processor time for each fit, and could save nothing.
    """
    _default(_POLL_SECONDS, "0.2")
    one_node = sum(node["Alive"] for node in ray.nodes()) <= 1
    _default(_PREEMPTION, "0" if one_node else None)


def _default(name: str, value: str | None) -> None:
    if name in os.environ and name not in _set_here:
        return
    if value is None:
        os.environ.pop(name, None)
        _set_here.discard(name)
    else:
        os.environ[name] = value
        _set_here.add(name)
