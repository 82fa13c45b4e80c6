"""Metrics of predictions, from sums over blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Sums", "finished", "sums_of"]

_SMALLEST_PROBABILITY = 1e-15

Sums = dict[str, Any]


def sums_of(scores: NDArray[Any], labels: NDArray[Any], weights: NDArray[Any] | None, *, classes: int | None) -> Sums:
    """Return the sums over some rows from which :func:`finished` makes metrics.

    Args:
        scores: What :meth:`Learner.score` gave.
        labels: Shape (rows,).
        weights: Shape (rows,); ``None``: all 1.
        classes: Number of classes, for a classifier.
    """
    weight = np.ones(len(labels)) if weights is None else weights
    sums: Sums = {"weight": float(weight.sum())}
    if classes is None:
        error = scores.reshape(len(labels), -1)[:, 0].astype(np.float64) - labels
        mean = float(np.average(labels, weights=weight)) if sums["weight"] > 0 else 0.0
        values = {"squared": error**2, "absolute": np.abs(error), "spread": (labels - mean) ** 2}
        return sums | {"mean": mean} | {name: float((weight * value).sum()) for name, value in values.items()}
    positions = labels.astype(np.int64)
    probabilities = np.column_stack([1 - scores, scores]) if scores.ndim == 1 else scores
    chosen = probabilities[np.arange(len(labels)), positions].astype(np.float64)
    sums["log"] = float(-(weight * np.log(np.clip(chosen, _SMALLEST_PROBABILITY, None))).sum())
    sums["correct"] = float(weight[predicted_positions(scores) == positions].sum())
    if classes == 2:
        values, inverse = np.unique(probabilities[:, 1], return_inverse=True)
        for name, mask in (("positive", positions == 1), ("negative", positions == 0)):
            sums[name] = np.bincount(inverse[mask], weight[mask], len(values))
        sums["scores"] = values
    return sums


def predicted_positions(scores: NDArray[Any]) -> NDArray[np.int64]:
    """Return the class that each row most probably has."""
    positions = scores > 0.5 if scores.ndim == 1 else scores.argmax(axis=1)
    return np.asarray(positions, dtype=np.int64)


def finished(parts: Sequence[Sums], *, classes: int | None) -> dict[str, float]:
    """Return the metrics of all rows: rmse, mae, r2; or accuracy, logloss and, for two classes, auc."""
    total = {
        name: sum(part[name] for part in parts) for name in parts[0] if name not in ("scores", "positive", "negative")
    }
    weight = total["weight"]
    if classes is None:
        # Around the mean of all: around those of the blocks, and of these around it.
        mean = sum(part["weight"] * part["mean"] for part in parts) / weight
        spread = total["spread"] + sum(part["weight"] * (part["mean"] - mean) ** 2 for part in parts)
        return {
            "rmse": float(np.sqrt(total["squared"] / weight)),
            "mae": total["absolute"] / weight,
            "r2": 1 - total["squared"] / spread if spread > 0 else float("nan"),
        }
    metrics = {"accuracy": total["correct"] / weight, "logloss": total["log"] / weight}
    return metrics | ({"auc": _auc(parts)} if classes == 2 else {})


def _auc(parts: Sequence[Sums]) -> float:
    """Return the chance that a row of the second class scores higher than one of the first; ties count half."""
    values, inverse = np.unique(np.concatenate([part["scores"] for part in parts]), return_inverse=True)
    positive, negative = (
        np.bincount(inverse, np.concatenate([part[name] for part in parts]), len(values))
        for name in ("positive", "negative")
    )
    below = np.cumsum(negative) - negative
    pairs = positive.sum() * negative.sum()
    return float((positive * (below + negative / 2)).sum() / pairs) if pairs > 0 else float("nan")
