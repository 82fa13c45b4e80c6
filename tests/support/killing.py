"""A training worker that writes down its steps and, once or more often, is killed in one of them."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_STEPS = "steps"


def step_done(folder: Path, step: int, *, kill_at: tuple[int, ...]) -> None:
    """Write down a step in a worker; kill the worker if it is the first time in one of those to kill at.

    Args:
        folder: Of the test, on the worker's node.
        step: Rounds or epochs done.
        kill_at: Steps to kill the worker in, once each, when Ray Train has heard of all checkpoints.
    """
    import ray.train

    with (folder / _STEPS).open("a") as log:
        log.write(f"{step} ")
    mark = folder / f"killed at {step}"
    if step in kill_at and not mark.exists():
        mark.touch()
        ray.train.get_all_reported_checkpoints(timeout_s=60)  # until they count
        os.kill(os.getpid(), signal.SIGKILL)


def steps_done(folder: Path) -> list[int]:
    """Return the steps that the workers wrote down, in order."""
    return [int(step) for step in (folder / _STEPS).read_text().split()]
