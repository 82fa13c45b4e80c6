"""The progress bar of a fit: the driver draws what the workers report."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ray
from ray.train import UserCallback

from raydp._machine.progress import Progress, progress_enabled

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["show_progress"]

_END_SECONDS = 10.0


class _Reports:
    """Actor that passes reports from Ray Train's controller to the driver. It keeps only the latest."""

    def __init__(self) -> None:
        self._metrics: dict[str, float] | None = None
        self._over = False
        self._changed = asyncio.Event()

    async def put(self, metrics: dict[str, float]) -> None:
        self._metrics = metrics
        self._changed.set()

    async def end(self) -> None:
        self._over = True
        self._changed.set()

    async def next(self) -> dict[str, float] | None:
        """Wait for the next report; ``None``: the fit has ended."""
        await self._changed.wait()
        found, self._metrics = self._metrics, None
        if not self._over:
            self._changed.clear()
        return found


class _Forward(UserCallback):
    def __init__(self, reports: Any) -> None:
        self._reports = reports

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Any) -> None:
        del run_context, checkpoint
        self._reports.put.remote({name: value for name, value in metrics[0].items() if isinstance(value, int | float)})


@contextmanager
def show_progress(option: bool | None, total: int) -> Iterator[list[Any]]:  # noqa: FBT001
    """Show a progress bar inside the context.

    Args:
        option: The argument ``progress`` of an estimator.
        total: The greatest number of rounds or epochs.

    Yields:
        Callbacks for Ray Train that update the bar; none if bars are off.
    """
    if not progress_enabled(option):
        yield []
        return
    reports: Any = ray.remote(_Reports).options(num_cpus=0, max_concurrency=4).remote()

    def draw() -> None:
        with Progress("training", total=total, unit=" steps", enabled=option) as bar:
            while (metrics := ray.get(reports.next.remote())) is not None:
                step = int(metrics.pop("step", 0))
                bar.set(step, detail=", ".join(f"{name}={value:.5g}" for name, value in metrics.items()))

    drawer = threading.Thread(target=draw, name="raydp-training-progress", daemon=True)
    drawer.start()
    try:
        yield [_Forward(reports)]
    finally:
        ray.get(reports.end.remote(), timeout=_END_SECONDS)
        drawer.join(_END_SECONDS)
        ray.kill(reports)
