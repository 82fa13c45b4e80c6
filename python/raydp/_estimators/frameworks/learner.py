"""The interface that a machine learning framework implements.

A new framework is one :class:`Learner`. It must define:

* ``framework`` and ``file_name``: its name, and the name of the model file in a saved estimator,
* ``classifies`` and ``steps``: whether labels are classes, and how many rounds or epochs training takes,
* ``trainer_class``: the class of Ray Train that sets its workers up,
* ``train``: train in one worker, and return a :class:`TrainedModel` in the first one,
* ``load`` and ``score``: read the trained model, and predict with it.

Everything else has a default. A learner imports its framework, but neither Spark nor Ray Data: Ray pickles it to the
workers. For boosted trees start from :class:`~raydp._estimators.frameworks.boosting.BoostingLearner`, for neural
networks from :class:`~raydp._estimators.frameworks.networks.NetworkLearner`.
"""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from raydp._estimators.data.rows import Rows, concatenate_rows, extract_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.data.shards import Shard

__all__ = ["Checkpoints", "Learner", "TrainedModel", "TrainingWorker", "data_parallel_trainer"]


@dataclass(frozen=True)
class TrainedModel:
    """The result of training.

    Attributes:
        content: The model in the framework's own format.
        history: Metrics of each round or epoch, in order.
    """

    content: bytes
    history: list[dict[str, float]]


class Checkpoints:
    """Saves the state of training, and restores it after a worker was killed.

    Args:
        every: Number of steps (rounds or epochs) between checkpoints.
        enabled: Whether all workers can reach the storage. If not, nothing is saved.
    """

    def __init__(self, *, every: int, enabled: bool) -> None:
        self._every = every
        self._enabled = enabled

    @contextmanager
    def open_latest(self) -> Iterator[Path | None]:
        """Yield the folder of the latest checkpoint, or ``None``. The folder is valid inside the context only."""
        import ray.train

        checkpoint = ray.train.get_checkpoint()
        with nullcontext(None) if checkpoint is None else checkpoint.as_directory() as folder:
            yield None if folder is None else Path(folder)

    def report_step(self, step: int, metrics: Mapping[str, float], write: Callable[[Path], None]) -> None:
        """Report a step to the driver and save a checkpoint, if one is due. Every worker calls this after every step.

        Args:
            step: Number of steps done, 1 or more.
            metrics: Metrics of the step.
            write: Writes the state into a folder. Called in the first worker only.
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


def data_parallel_trainer() -> Any:
    """Return the trainer class of Ray Train for a framework whose workers do not talk to each other."""
    # A developer API: ray.train exports the trainers of frameworks only. The class of this name that ray.train.data_*
    # has belongs to the older Ray Train.
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    return DataParallelTrainer


class Learner(ABC):
    """One framework with the user's parameters. It is pickled to the workers and into saved estimators."""

    framework: ClassVar[str]
    """The framework's name, for messages and file names."""

    file_name: ClassVar[str]
    """Name of the file in which a saved estimator keeps the model, in the framework's own format."""

    features_type: type[np.floating[Any]] = np.float32
    """Type of the feature matrix that :meth:`score` takes."""

    labels_type: type[np.floating[Any]] = np.float32
    """Type in which the framework keeps weights, and labels that are not classes."""

    handles_missing: ClassVar[bool] = False
    """Whether the framework can learn from missing values (NaN)."""

    handles_infinite: ClassVar[bool] = False
    """Whether the framework can learn from infinite numbers."""

    needs_all_evaluation_rows: ClassVar[bool] = False
    """Whether each worker evaluates with all rows of the evaluation frame, rather than with its share."""

    @property
    @abstractmethod
    def classifies(self) -> bool | None:
        """Whether labels are classes; ``None``: only if they are strings or booleans."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """The greatest number of rounds or epochs that training takes."""

    @property
    def identity(self) -> str:
        """Describes the learner, equal in all processes. Training resumes only from its checkpoints."""
        return repr(self)

    def declared_class_count(self, layout: Layout) -> int | None:  # noqa: ARG002
        """Return the number of classes that the user's parameters declare, or ``None``."""
        return None

    def worker_count(self, configuration: Configuration) -> int:
        """Return the number of workers among which the rows are divided."""
        return configuration.num_workers

    def process_count(self, configuration: Configuration) -> int:
        """Return the number of processes for which the cluster needs capacity, each with a worker's resources."""
        return self.worker_count(configuration)

    def check_data(self, layout: Layout, classes: Classes | None) -> None:  # noqa: B027 (most have nothing to check)
        """Check that the model fits the shapes of the data.

        Raises:
            InvalidDataError: The model does not fit the features or the classes.
        """

    def check_evaluation_frame(self, *, given: bool) -> None:  # noqa: B027
        """Check that there is an evaluation frame if one is needed.

        Args:
            given: Whether the user gave one.

        Raises:
            InvalidArgumentError: The framework needs an evaluation frame and there is none.
        """

    def bind(self, layout: Layout) -> Learner:  # noqa: ARG002
        """Return the learner for these columns. Only frameworks that predict with columns by name need this."""
        return self

    @abstractmethod
    def trainer_class(self, worker_count: int) -> Any:
        """Return the trainer class of Ray Train that sets up this number of workers."""

    @abstractmethod
    def train(self, worker: TrainingWorker) -> TrainedModel | None:
        """Train in one of the workers, starting from the latest checkpoint if there is one.

        Returns:
            The model in the worker of rank 0, ``None`` in the others.
        """

    @abstractmethod
    def load(self, content: bytes) -> Any:
        """Return the framework's own model object.

        Args:
            content: The content of a :class:`TrainedModel`.
        """

    @abstractmethod
    def score(self, model: Any, features: NDArray[Any], classes: Classes | None) -> NDArray[Any]:
        """Predict.

        Args:
            model: The object that :meth:`load` returned.
            features: Shape (rows, width), of :attr:`features_type`.
            classes: The classes; ``None`` for a regression.

        Returns:
            For a classifier, probabilities: of the second class, shape (rows,), or of all, shape (rows, classes).
            For a regression, values, shape (rows,) or (rows, outputs).
        """
