"""One training worker, as a learner sees it: its rows, its rank and its checkpoints."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from raydp._estimators.data.rows import Rows, concatenate_rows, extract_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    import pyarrow as pa

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.data.shards import Shard

__all__ = ["Checkpoints", "TrainingWorker"]


_STEP = "step"  # in the metadata of a checkpoint


class Reports(Protocol):
    """Takes the steps of the first worker."""

    def put(self, step: int, metrics: Mapping[str, float]) -> None:
        """Report a step."""


class Checkpoints:
    """Saves the state of training, and restores it after a worker was killed.

    Args:
        every: Number of steps (rounds or epochs) between checkpoints.
        enabled: Whether all workers can reach the storage. If not, nothing is saved.
    """

    def __init__(self, *, every: int, enabled: bool) -> None:
        self._every = every
        self._enabled = enabled
        self._reports: list[Reports] = []
        self._resumed_from = 0

    def add_reports(self, reports: Reports) -> None:
        """Have something take every step of the first worker, such as the progress bar."""
        self._reports.append(reports)

    @contextmanager
    def open_latest(self) -> Iterator[Path | None]:
        """Yield the folder of the latest checkpoint, or ``None``. The folder is valid inside the context only."""
        import ray.train

        checkpoint = ray.train.get_checkpoint()
        self._resumed_from = 0 if checkpoint is None else checkpoint.get_metadata().get(_STEP, 0)
        with nullcontext(None) if checkpoint is None else checkpoint.as_directory() as folder:
            yield None if folder is None else Path(folder)

    @property
    def resumed_from(self) -> int:
        """The step of the checkpoint from which this worker resumed; 0: it began at the beginning."""
        return self._resumed_from

    def report_step(self, step: int, metrics: Mapping[str, float], write: Callable[[Path], None]) -> None:
        """Report a step to the driver, and save a checkpoint if one is due. Every worker calls this after every step.

        Args:
            step: Number of steps done, 1 or more.
            metrics: Metrics of the step.
            write: Writes the state into a folder. Called in the first worker only.
        """
        import ray.train

        is_first = ray.train.get_context().get_world_rank() == 0
        for reports in self._reports if is_first else ():
            reports.put(step, metrics)
        if step % self._every:
            return
        report = {**metrics, "step": step}
        if not self._enabled or not is_first:
            ray.train.report(report)
            return
        with tempfile.TemporaryDirectory(prefix="raydp-checkpoint-") as folder:
            write(Path(folder))
            checkpoint = ray.train.Checkpoint.from_directory(folder)
            checkpoint.set_metadata({_STEP: step})
            ray.train.report(report, checkpoint=checkpoint)


@dataclass(frozen=True)
class TrainingWorker:
    """One training worker: its rank, its rows and its checkpoints.

    Attributes:
        layout: The columns of the rows.
        classes: The classes; ``None`` for a regression.
        configuration: The estimator's configuration.
        train_shard: The rows to learn from.
        evaluation_shard: The rows to evaluate with, or ``None``.
        rank: This worker's number, from 0.
        worker_count: Number of workers.
        checkpoints: Where the state of training is saved.
    """

    layout: Layout
    classes: Classes | None
    configuration: Configuration
    train_shard: Shard
    evaluation_shard: Shard | None
    rank: int
    worker_count: int
    checkpoints: Checkpoints

    @property
    def threads(self) -> int:
        """Number of threads that this worker may use: its CPUs, at least 1."""
        return max(int(self.configuration.resources["CPU"]), 1)

    def extract_rows(self, table: pa.Table, dtype: type[np.floating[Any]] = np.float32) -> Rows:
        """Return the rows of a shard's table as arrays, without those that ``nulls="drop"`` drops.

        Args:
            table: One of :meth:`Shard.tables`.
            dtype: Type of the features.
        """
        return extract_rows(table, self.layout, self.classes, self.configuration, dtype)

    def load_all_rows(self, shard: Shard, dtype: type[np.floating[Any]] = np.float32) -> Rows:
        """Return all rows of a shard as arrays, in this worker's memory."""
        parts = [self.extract_rows(table, dtype) for table in shard.tables()]
        return concatenate_rows(parts, self.layout.width, dtype)
