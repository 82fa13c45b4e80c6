"""Training in epochs: how long, in what portions, in which order, and when it ends."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from raydp._estimators.configuration import whole_number
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Course", "Epochs"]


@dataclass(frozen=True)
class Epochs:
    """How often and in what portions a network sees the rows.

    Attributes:
        count: Epochs.
        batch_size: Rows of a batch in each worker.
        drop_last: Whether a last batch that is smaller is left out.
        shuffle: Whether blocks, and rows within a block, come in another order in each epoch.
        early_stopping: Epochs without a smaller loss on the evaluation frame after which training ends, or ``None``.
    """

    count: int = 1
    batch_size: int = 64
    drop_last: bool = False
    shuffle: bool = True
    early_stopping: int | None = None

    def check(self) -> None:
        """Raise InvalidArgumentError for the first number that is wrong."""
        numbers = {"batch_size": self.batch_size, "num_epochs": self.count}
        if self.early_stopping is not None:
            numbers["early_stopping_epochs"] = self.early_stopping
        for name, value in numbers.items():
            whole_number(name, value)

    def check_evaluation(self, *, given: bool) -> None:
        """Raise InvalidArgumentError when early stopping has nothing to watch."""
        if self.early_stopping is not None and not given:
            raise InvalidArgumentError(
                "Early stopping watches the loss on rows that the model does not learn from; give fit an evaluation "
                f"frame. early_stopping_epochs: {self.early_stopping}"
            )

    def order(self, seed: int | None, epoch: int, rank: int) -> np.random.Generator | None:
        """Return what shuffles the rows of a worker in an epoch; ``None``: they are not shuffled."""
        return np.random.default_rng([seed or 0, epoch, rank]) if self.shuffle else None


@dataclass
class Course:
    """How far training is; what of it a checkpoint keeps.

    Attributes:
        epoch: Epochs done.
        ended: Whether training is to end before its last epoch.
        history: Metrics of each epoch.
        best_loss: Smallest loss on the evaluation frame.
        best_epoch: The epoch that had it.
    """

    epoch: int = 0
    ended: bool = False
    history: list[dict[str, float]] = field(default_factory=list)
    best_loss: float = math.inf
    best_epoch: int = 0

    def add(self, metrics: Mapping[str, float], epochs: Epochs) -> bool:
        """Take up the metrics of the epoch done last.

        Returns:
            Whether its model is the best one so far and to be kept, for early stopping.
        """
        self.history.append(dict(metrics))
        if epochs.early_stopping is None:
            return False
        loss = metrics["evaluate-loss"]
        is_best = loss < self.best_loss
        if is_best:
            self.best_loss, self.best_epoch = loss, self.epoch
        self.ended = self.epoch - self.best_epoch >= epochs.early_stopping
        return is_best
