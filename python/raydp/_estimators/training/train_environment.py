"""Settings of Ray Train that only environment variables of the driver can change."""

from __future__ import annotations

import os

import ray

__all__ = ["set_train_environment"]

_POLL_SECONDS = "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"
_PREEMPTION = "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER"

_set_here: set[str] = set()


def set_train_environment() -> None:
    """Give Ray Train settings that suit short trainings. Variables that the user has set are kept.

    The controller polls the workers every 0.2 seconds instead of every 2, so a fit ends soon after its training. On a
    cluster of one node, the process that watches for preempted nodes is not started: it takes seconds of processor
    time for each fit, and it could save nothing.
    """
    _set_default(_POLL_SECONDS, "0.2")
    one_node = sum(node["Alive"] for node in ray.nodes()) <= 1
    _set_default(_PREEMPTION, "0" if one_node else None)


def _set_default(name: str, value: str | None) -> None:
    if name in os.environ and name not in _set_here:
        return
    if value is None:
        os.environ.pop(name, None)
        _set_here.discard(name)
    else:
        os.environ[name] = value
        _set_here.add(name)
