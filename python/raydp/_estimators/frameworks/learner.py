"""What a framework has to know so that an estimator can be made of it."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from raydp._estimators.data.matrices import complete_rows, feature_matrix, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.data.shards import Shard

__all__ = ["Checkpoints", "Learner", "Part", "Rows", "Trained", "joined_rows", "plain_trainer", "rows_of"]


@dataclass(frozen=True)
class Trained:
    """What training gives.

    Attributes:
        model: The model in the framework's own format.
        history: Metrics of each round or epoch, in order.
    """

    model: bytes
    history: list[dict[str, float]]


@dataclass(frozen=True)
class Rows:
    """Rows as frameworks take them.

    Attributes:
        features: Matrix of shape (rows, width), float32 or what was asked for.
        labels: float64, shape (rows,); classes are 0, 1, …; ``None`` without a label.
        weights: float64, shape (rows,), or ``None``.
    """

    features: NDArray[Any]
    labels: NDArray[np.float64] | None
    weights: NDArray[np.float64] | None


class Checkpoints:
    """What a worker keeps for the case that it, or another worker, is killed.

    Args:
        every: Steps between checkpoints.
        enabled: Whether the storage is one that all workers reach.
    """

    def __init__(self, *, every: int, enabled: bool) -> None:
        self._every = every
        self._enabled = enabled

    @contextmanager
    def last(self) -> Iterator[Path | None]:
        """Give the folder of the newest checkpoint, or ``None``, for the duration of the context."""
        import ray.train

        checkpoint = ray.train.get_checkpoint()
        with nullcontext(None) if checkpoint is None else checkpoint.as_directory() as folder:
            yield None if folder is None else Path(folder)

    def step_done(self, step: int, metrics: Mapping[str, float], write: Callable[[Path], None]) -> None:
        """Keep a checkpoint if one is due; every worker calls this after every step.

        Args:
            step: Steps done, 1 or more.
            metrics: Metrics of the step.
            write: Writes the state into a folder; called in the first worker only.
        """
        import ray.train

        if step % self._every:
            return
        report = {**metrics, "step": step}
        if not self._enabled or ray.train.get_context().get_world_rank() != 0:
            ray.train.report(report)
            return
        with tempfile.TemporaryDirectory(prefix="raydp-checkpoint-") as folder:
            write(Path(folder))
            ray.train.report(report, checkpoint=ray.train.Checkpoint.from_directory(folder))


@dataclass(frozen=True)
class Part:
    """What one worker is given.

    Attributes:
        layout: The columns.
        classes: The classes, for a classifier.
        configuration: That of the estimator.
        train: The rows to learn from.
        evaluate: The rows to measure with, or ``None``.
        rank: Number of this worker, from 0.
        workers: Number of all.
        checkpoints: Where its state is kept.
    """

    layout: Layout
    classes: Classes | None
    configuration: Configuration
    train: Shard
    evaluate: Shard | None
    rank: int
    workers: int
    checkpoints: Checkpoints

    @property
    def threads(self) -> int:
        """Threads that this worker may use: its CPUs, at least 1."""
        return max(int(self.configuration.resources["CPU"]), 1)

    def rows(self, table: pa.Table, dtype: type[np.floating[Any]] = np.float32) -> Rows:
        """Return rows of a shard as arrays, features of a type; those to drop are left out."""
        return rows_of(table, self.layout, self.classes, self.configuration, dtype)

    def all_rows(self, shard: Shard, dtype: type[np.floating[Any]] = np.float32) -> Rows:
        """Return all rows of a shard at once."""
        return joined_rows([self.rows(table, dtype) for table in shard.tables()], self.layout.width, dtype)


def plain_trainer() -> Any:
    """Return Ray Train's trainer for workers that need not know of each other."""
    # A developer API; ray.train exports only those of frameworks, and its namesake is of the older Ray Train.
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    return DataParallelTrainer


def joined_rows(parts: list[Rows], width: int, dtype: type[np.floating[Any]] = np.float32) -> Rows:
    """Put rows behind one another; no parts are no rows."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Rows(np.empty((0, width), dtype), np.empty(0), None)

    def joined(arrays: list[NDArray[Any] | None]) -> NDArray[Any] | None:
        found = [array for array in arrays if array is not None]
        return np.concatenate(found) if found else None

    return Rows(
        np.concatenate([rows.features for rows in parts]),
        joined([rows.labels for rows in parts]),
        joined([rows.weights for rows in parts]),
    )


def rows_of(
    table: pa.Table,
    layout: Layout,
    classes: Classes | None,
    configuration: Configuration,
    dtype: type[np.floating[Any]] = np.float32,
) -> Rows:
    """Return rows as arrays, features of a type; those to drop are left out.

    Raises:
        InvalidDataError: An array has another length, or a label is none of the classes.
    """
    fill = configuration.fill_value if configuration.nulls == "fill" else None
    features = feature_matrix(table, layout.features, layout.widths, fill=fill, dtype=dtype)
    labels = weights = None
    if layout.label is not None:
        column = table.column(layout.label)
        labels = numbers(column) if classes is None else classes.encode(column)
    if layout.weight is not None:
        weights = numbers(table.column(layout.weight))
    if configuration.nulls == "drop" and not (complete := complete_rows(features)).all():
        features = features[complete]
        labels = None if labels is None else labels[complete]
        weights = None if weights is None else weights[complete]
    return Rows(features, labels, weights)


class Learner(ABC):
    """One framework. It is pickled to the workers and with a saved estimator."""

    framework: ClassVar[str]
    """Its name, for messages and file names."""

    file_name: ClassVar[str]
    """Name of the file in which a saved estimator has the model in the framework's own format."""

    features_type: type[np.floating[Any]] = np.float32
    """Type of the matrices that :meth:`score` takes."""

    handles_missing: ClassVar[bool] = False
    """Whether it can learn from missing values."""

    handles_infinite: ClassVar[bool] = False
    """Whether it can learn from infinite numbers."""

    @property
    @abstractmethod
    def classifies(self) -> bool | None:
        """Whether labels are classes; ``None``: where they are strings or booleans."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """Rounds or epochs that training takes at most."""

    @property
    def identity(self) -> str:
        """Describes it, also for other processes: one of the same identity may go on from its checkpoint."""
        return repr(self)

    def class_count(self, layout: Layout) -> int | None:  # noqa: ARG002
        """Return the number of classes that the user stated, if any."""
        return None

    def workers(self, configuration: Configuration) -> int:
        """Return the number of workers that rows are dealt to."""
        return configuration.num_workers

    def processes(self, configuration: Configuration) -> int:
        """Return the number of processes, of the resources of a worker each, that the cluster must have room for."""
        return self.workers(configuration)

    evaluates_everywhere: ClassVar[bool] = False
    """Whether each worker needs all rows to measure with, rather than a part of them."""

    def check(self, layout: Layout, classes: Classes | None) -> None:  # noqa: B027 (most have nothing to check)
        """Raise InvalidDataError when the model does not fit the shapes of the data."""

    def bound(self, layout: Layout) -> Learner:  # noqa: ARG002
        """Return what trains and predicts with columns of a layout, for a framework that must know them by name."""
        return self

    def check_evaluation(self, *, given: bool) -> None:  # noqa: B027
        """Raise InvalidArgumentError when the framework needs an evaluation frame and none was given."""

    @abstractmethod
    def trainer(self, workers: int) -> Any:
        """Return the class of Ray Train that sets so many workers of the framework up."""

    @abstractmethod
    def train(self, part: Part) -> Trained | None:
        """Train in one of the workers; the first one returns the result."""

    @abstractmethod
    def load(self, model: bytes) -> Any:
        """Return the framework's own model object."""

    @abstractmethod
    def score(self, model: Any, features: NDArray[Any], classes: Classes | None) -> NDArray[Any]:
        """Predict.

        Args:
            model: What :meth:`load` returned.
            features: Shape (rows, width), float32.
            classes: The classes, for a classifier.

        Returns:
            A classifier's probabilities: of the second class, shape (rows,), or of all, shape (rows, classes).
            Otherwise the values, shape (rows,) or (rows, outputs).
        """
