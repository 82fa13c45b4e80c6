"""Training in epochs: the options that users give, and the state that checkpoints keep."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from raydp._configuration.arguments import check_whole_number
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EpochOptions", "EpochState"]


@dataclass(frozen=True)
class EpochOptions:
    """How many epochs to train, and in what batches.

    Attributes:
        count: Number of epochs.
        batch_size: Rows of a batch in each worker.
        drop_last: Whether to leave out the last batch if it is smaller.
        shuffle: Whether to shuffle the blocks, and the rows within a block, in each epoch.
        early_stopping: Stop after this number of epochs without a smaller loss on the evaluation frame; ``None``:
            train all epochs.
    """

    count: int
    batch_size: int
    drop_last: bool
    shuffle: bool
    early_stopping: int | None

    def check(self) -> None:
        """Raise InvalidArgumentError for the first number that is wrong."""
        numbers = {"batch_size": self.batch_size, "num_epochs": self.count}
        if self.early_stopping is not None:
            numbers["early_stopping_epochs"] = self.early_stopping
        for name, value in numbers.items():
            check_whole_number(name, value)

    def check_evaluation_frame(self, *, given: bool) -> None:
        """Raise InvalidArgumentError if early stopping has no evaluation frame."""
        if self.early_stopping is not None and not given:
            raise InvalidArgumentError(
                "Early stopping needs the loss on rows that the model does not learn from. Give fit an evaluation "
                f"frame. early_stopping_epochs: {self.early_stopping}"
            )

    def make_shuffler(self, seed: int | None, epoch: int, rank: int) -> np.random.Generator | None:
        """Return the random generator that shuffles a worker's rows in an epoch; ``None``: do not shuffle."""
        return np.random.default_rng([seed or 0, epoch, rank]) if self.shuffle else None


@dataclass
class EpochState:
    """How far training is. Checkpoints contain it.

    Attributes:
        epoch: Number of epochs done.
        stopped: Whether training stops before its last epoch.
        history: Metrics of each epoch.
        best_loss: The smallest loss on the evaluation frame.
        best_epoch: The epoch with that loss.
    """

    epoch: int = 0
    stopped: bool = False
    history: list[dict[str, float]] = field(default_factory=list)
    best_loss: float = math.inf
    best_epoch: int = 0

    def add_epoch(self, metrics: Mapping[str, float], options: EpochOptions) -> bool:
        """Record the metrics of the latest epoch.

        Returns:
            Whether to keep its model for early stopping, because it is the best one so far.
        """
        self.history.append(dict(metrics))
        if options.early_stopping is None:
            return False
        loss = metrics["evaluate-loss"]
        is_best = loss < self.best_loss
        if is_best:
            self.best_loss, self.best_epoch = loss, self.epoch
        self.stopped = self.epoch - self.best_epoch >= options.early_stopping
        return is_best

    def is_finished(self, options: EpochOptions) -> bool:
        """Return whether there is no epoch left to train."""
        return self.stopped or self.epoch >= options.count
