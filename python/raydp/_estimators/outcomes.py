"""How the labels and the predictions of a classifier agree, counted block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from raydp._estimators.metrics import find_most_probable, to_class_probabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Outcomes"]

_BINS = 10
_MOST_COUNTED_CLASSES = 100
_EDGES = np.linspace(0, 1, _BINS + 1)


@dataclass(frozen=True)
class Outcomes:
    """What became of some rows.

    Attributes:
        count: Number of classes.
        pairs: For each pair of a label and a prediction that rows have: label * count + prediction.
        weights: Weight of the rows with each of these pairs.
        bins: By bins of the probability: weight of the rows, weighted sum of their probabilities, and weight of those
            that are positive. Of two classes, that of the second; of more, that of the predicted one, which is positive
            if it is right. Shape (3, bins).
        weighted: Whether the rows have weights.
    """

    count: int
    pairs: NDArray[np.int64]
    weights: NDArray[Any]
    bins: NDArray[Any]
    weighted: bool

    @classmethod
    def of(cls, scores: NDArray[Any], labels: NDArray[Any], weights: NDArray[Any] | None, count: int) -> Self:
        """Count rows.

        Args:
            scores: The result of :meth:`Learner.score`.
            labels: Positions of classes, shape (rows,).
            weights: Shape (rows,); ``None``: all 1.
            count: Number of classes.
        """
        weight = np.ones(len(labels)) if weights is None else weights
        positions, predicted = labels.astype(np.int64), find_most_probable(scores)
        pairs, pair_weights = _sum_by_pair(positions * count + predicted, weight, count)
        probabilities = to_class_probabilities(scores)
        column = np.int64(1) if count == 2 else predicted
        probability = probabilities[np.arange(len(labels)), column].astype(np.float64)
        is_positive = positions == column
        bins = np.searchsorted(_EDGES[1:-1], probability)
        sums = [np.bincount(bins, one, _BINS) for one in (weight, weight * probability, weight * is_positive)]
        return cls(count, pairs, pair_weights, np.stack(sums), weights is not None)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Return the outcomes of the rows of all parts."""
        count = parts[0].count
        pairs, weights = (np.concatenate([getattr(one, name) for one in parts]) for name in ("pairs", "weights"))
        pairs, weights = _sum_by_pair(pairs, weights, count)
        bins = np.sum([one.bins for one in parts], axis=0)
        return cls(count, pairs, weights, bins, any(one.weighted for one in parts))

    def to_matrix(self, classes: Sequence[Any]) -> pd.DataFrame:
        """Return the confusion matrix: a row for each label, and a column for each prediction."""
        matrix = np.zeros((self.count, self.count), np.float64 if self.weighted else np.int64)
        matrix[self.pairs // self.count, self.pairs % self.count] = self.weights
        return pd.DataFrame(matrix, pd.Index(classes, name="label"), pd.Index(classes, name="prediction"))

    def to_calibration(self) -> pd.DataFrame:
        """Return a row for each bin of the probability that has rows."""
        weights, probabilities, positives = self.bins
        found = weights > 0
        return pd.DataFrame(
            {
                "low": _EDGES[:-1][found],
                "high": _EDGES[1:][found],
                "rows": weights[found] if self.weighted else weights[found].astype(np.int64),
                "mean_predicted": probabilities[found] / weights[found],
                "fraction_of_positives": positives[found] / weights[found],
            }
        )


def _sum_by_pair(pairs: NDArray[Any], weights: NDArray[Any], count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the pairs that rows have, and the sum of the weights of each."""
    if count <= _MOST_COUNTED_CLASSES:  # much faster than to sort the rows
        sums = np.bincount(pairs, weights, count * count)
        found = np.flatnonzero(sums)
        return found, sums[found]
    found, inverse = np.unique(pairs, return_inverse=True)
    return found, np.bincount(inverse, weights, len(found))
