"""The progress bar of a fit: the first worker reports each round or epoch, and the driver draws it."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ray

from raydp._machine.progress import Progress, progress_enabled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["StepReports", "TrainingProgress", "show_progress"]

_END_SECONDS = 10.0
_LEAST_SECONDS = 0.1  # between reports: a round can take less than a call of an actor


class _Latest:
    """Actor that passes reports from the first worker to the driver. It keeps only the latest."""

    def __init__(self) -> None:
        self._report: tuple[int, dict[str, float]] | None = None
        self._over = False
        self._changed = asyncio.Event()

    async def put(self, step: int, metrics: dict[str, float]) -> None:
        self._report = step, metrics
        self._changed.set()

    async def end(self) -> None:
        self._over = True
        self._changed.set()

    async def next(self) -> tuple[int, dict[str, float]] | None:
        """Wait for the next report; ``None``: the fit has ended."""
        await self._changed.wait()
        found, self._report = self._report, None
        if not self._over:
            self._changed.clear()
        return found


class StepReports:
    """Reports steps from a worker. It is pickled to the workers."""

    def __init__(self, latest: Any) -> None:
        self._latest = latest
        self._reported_at = -_LEAST_SECONDS

    def put(self, step: int, metrics: Mapping[str, float]) -> None:
        """Report a step without waiting for anyone, but not more than ten times a second."""
        now = time.monotonic()
        if now - self._reported_at >= _LEAST_SECONDS:
            self._reported_at = now
            self._latest.put.remote(step, dict(metrics))


class TrainingProgress:
    """The progress of one fit.

    Attributes:
        reports: For the workers; ``None``: no bar is drawn.
    """

    def __init__(self, latest: Any) -> None:
        self._latest = latest
        self.reports = None if latest is None else StepReports(latest)

    def finish(self, history: list[dict[str, float]]) -> None:
        """Draw the last step."""
        if self._latest is not None and history:
            ray.get(self._latest.put.remote(len(history), history[-1]), timeout=_END_SECONDS)


@contextmanager
def show_progress(option: bool | None, total: int, framework: str, unit: str) -> Iterator[TrainingProgress]:  # noqa: FBT001
    """Show a progress bar inside the context.

    Args:
        option: The argument ``progress`` of an estimator.
        total: The greatest number of rounds or epochs.
        framework: What trains.
        unit: What is counted, ``"rounds"`` or ``"epochs"``.
    """
    if not progress_enabled(option):
        yield TrainingProgress(None)
        return
    latest: Any = ray.remote(_Latest).options(num_cpus=0, max_concurrency=4).remote()

    def draw() -> None:
        with Progress(f"training {framework}", total=total, unit=f" {unit}", enabled=option) as bar:
            bar.set(0, detail="starting workers")
            while (report := ray.get(latest.next.remote())) is not None:
                step, metrics = report
                bar.set(step, detail=", ".join(f"{name}={value:.5g}" for name, value in metrics.items()))

    drawer = threading.Thread(target=draw, name="raydp-training-progress", daemon=True)
    drawer.start()
    try:
        yield TrainingProgress(latest)
    finally:
        ray.get(latest.end.remote(), timeout=_END_SECONDS)
        drawer.join(_END_SECONDS)
        ray.kill(latest)
