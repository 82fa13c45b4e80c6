"""The interface between estimators and frameworks.

An estimator knows data, workers and results. A :class:`Learner` knows one framework. It imports its framework, but
neither Spark nor Ray Data: Ray pickles it to the workers. A framework must define

* ``framework`` and ``file_name``: its name, and the name of the file with the model,
* ``classifies`` and ``steps``: whether labels are classes, and how many rounds or epochs there are,
* ``train``: train in one worker, with what :class:`~raydp._estimators.frameworks.worker.TrainingWorker` offers,
* ``load`` and ``score``: load the model, and predict for a matrix.

Everything else has a default. For boosted trees start from
:class:`~raydp._estimators.frameworks.boosting.BoostingLearner`, for neural networks from
:class:`~raydp._estimators.frameworks.networks.NetworkLearner`. ``docs/estimators.md`` has the smallest learner.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from raydp._estimators.data.layout import Accepted
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.data.vocabulary import Encoding
    from raydp._estimators.frameworks.worker import TrainingWorker

__all__ = ["Learner", "TrainedModel", "data_parallel_trainer"]


@dataclass(frozen=True)
class TrainedModel:
    """The result of training.

    Attributes:
        content: The model in the framework's own format.
        history: Metrics of each round or epoch, in order.
        best_step: With early stopping, the round or epoch (from 1) whose model this is; ``None``: the last one.
        retries: How often training failed and was resumed. raydp counts this.
        resumed_from: The round or epoch of the checkpoint from which it was resumed the last time. raydp sets this.
    """

    content: bytes
    history: list[dict[str, float]]
    best_step: int | None = None
    retries: int = 0
    resumed_from: int = 0


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

    step_name: str = "epochs"
    """What :attr:`steps` counts, for the progress bar."""

    features_type: type[np.floating[Any]] = np.float32
    """Type of the feature matrix that :meth:`score` takes."""

    labels_type: type[np.floating[Any]] = np.float32
    """Type in which the framework keeps weights, and labels that are not classes."""

    handles_missing: ClassVar[bool] = False
    """Whether the framework can learn from missing values (NaN)."""

    handles_infinite: ClassVar[bool] = False
    """Whether the framework can learn from infinite numbers."""

    accepted: Accepted = Accepted()
    """What the framework learns from, in addition to numbers, booleans and arrays of them."""

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
            features: Shape (rows, width), of :attr:`features_type`; a pandas frame if :meth:`takes_frame` says so.
            classes: The classes; ``None`` for a regression.

        Returns:
            For a classifier, probabilities: of the second class, shape (rows,), or of all, shape (rows, classes).
            For a regression, values, shape (rows,) or (rows, outputs).
        """

    @property
    def identity(self) -> str:
        """Describes the learner, equal in all processes. Training resumes only from its checkpoints."""
        return repr(self)

    def declared_class_count(self, layout: Layout) -> int | None:  # noqa: ARG002
        """Return the number of classes that the user's parameters declare, or ``None``."""
        return None

    def choose_encoding(self, column: str, *, is_declared: bool) -> Encoding | None:  # noqa: ARG002
        """Return how a column of categories becomes columns of the feature matrix; ``None``: it stays as it is.

        Args:
            column: Name of the column.
            is_declared: True if the user or the frame declares the column categorical; False if it contains strings.
        """
        return None

    def takes_frame(self, layout: Layout) -> bool:  # noqa: ARG002
        """Return whether the framework gets these columns as a pandas frame, and not as a matrix."""
        return False

    def worker_count(self, configuration: Configuration) -> int:
        """Return the number of workers among which the rows are divided."""
        return configuration.num_workers

    def process_count(self, configuration: Configuration) -> int:
        """Return the number of processes for which the cluster needs capacity, each with a worker's resources."""
        return self.worker_count(configuration)

    def trainer_class(self, worker_count: int) -> Any:  # noqa: ARG002
        """Return the trainer class of Ray Train that sets up this number of workers."""
        return data_parallel_trainer()

    def check_fill(self, value: float) -> None:
        """Check what replaces nulls in features.

        Raises:
            InvalidArgumentError: It is infinite in the type from which the framework learns.
        """
        if abs(value) > float(np.finfo(self.features_type).max) and not self.handles_infinite:
            raise InvalidArgumentError(
                f"fill_value is infinite in {self.features_type.__name__}, the type from which this framework learns. "
                f"Choose a number within its range; got: {value!r}"
            )

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

    def describe(self) -> dict[str, Any]:
        """Return the framework's part of the estimator's arguments, to show it to users."""
        return {}

    def compute_importances(self, model: Any) -> NDArray[Any] | None:  # noqa: ARG002
        """Return the importance of each column of the feature matrix; ``None``: the model has none."""
        return None

    def find_best_step(self, model: Any) -> int | None:  # noqa: ARG002
        """Return the last round that the model has, from 0; ``None``: it is not made of rounds."""
        return None

    def bind(self, layout: Layout) -> Learner:  # noqa: ARG002
        """Return the learner for these columns. Only frameworks that predict with columns by name need this."""
        return self
