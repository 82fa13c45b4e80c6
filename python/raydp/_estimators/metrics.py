"""Metrics of predictions, computed from sums over the blocks of a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Sums", "compute_metrics", "compute_sums", "find_most_probable", "to_class_probabilities"]

_SMALLEST_PROBABILITY = 1e-15

Sums = dict[str, Any]


def compute_sums(
    scores: NDArray[Any], labels: NDArray[Any], weights: NDArray[Any] | None, *, classes: int | None
) -> Sums:
    """Return the sums over some rows from which :func:`compute_metrics` computes metrics.

    Args:
        scores: The result of :meth:`Learner.score`.
        labels: Shape (rows,); positions of classes for a classifier.
        weights: Shape (rows,); ``None``: all 1.
        classes: Number of classes; ``None`` for a regression.
    """
    weight = np.ones(len(labels)) if weights is None else weights
    sums: Sums = {"weight": float(weight.sum())}
    if classes is None:
        error = scores.reshape(len(labels), -1)[:, 0].astype(np.float64) - labels
        mean = float(np.average(labels, weights=weight)) if sums["weight"] > 0 else 0.0
        values = {"squared": error**2, "absolute": np.abs(error), "spread": (labels - mean) ** 2}
        return sums | {"mean": mean} | {name: float((weight * value).sum()) for name, value in values.items()}
    positions = labels.astype(np.int64)
    probabilities = to_class_probabilities(scores)
    chosen = probabilities[np.arange(len(labels)), positions].astype(np.float64)
    sums["log"] = float(-(weight * np.log(np.clip(chosen, _SMALLEST_PROBABILITY, None))).sum())
    sums["correct"] = float(weight[find_most_probable(scores) == positions].sum())
    if classes == 2:
        values, inverse = np.unique(probabilities[:, 1], return_inverse=True)
        for name, mask in (("positive", positions == 1), ("negative", positions == 0)):
            sums[name] = np.bincount(inverse[mask], weight[mask], len(values))
        sums["scores"] = values
    return sums


def to_class_probabilities(scores: NDArray[Any]) -> NDArray[Any]:
    """Return a classifier's scores as probabilities of all classes, shape (rows, classes)."""
    return np.column_stack([1 - scores, scores]) if scores.ndim == 1 else scores


def find_most_probable(scores: NDArray[Any]) -> NDArray[np.int64]:
    """Return the position of each row's most probable class, shape (rows,)."""
    positions = scores > 0.5 if scores.ndim == 1 else scores.argmax(axis=1)
    return np.asarray(positions, dtype=np.int64)


def compute_metrics(parts: Sequence[Sums], *, classes: int | None) -> dict[str, float]:
    """Return the metrics of all rows.

    Args:
        parts: The results of :func:`compute_sums` for the parts of the rows.
        classes: Number of classes; ``None`` for a regression.

    Returns:
        For a regression ``rmse``, ``mae`` and ``r2``; for a classifier ``accuracy``, ``logloss`` and, with two
        classes, ``auc``.
    """
    arrays = ("scores", "positive", "negative", "rows", "outcomes")
    total = {name: sum(part[name] for part in parts) for name in parts[0] if name not in arrays}
    weight = total["weight"]
    if classes is None:
        # The spread around the mean of all rows: within the parts, plus that of the parts' means.
        mean = sum(part["weight"] * part["mean"] for part in parts) / weight
        spread = total["spread"] + sum(part["weight"] * (part["mean"] - mean) ** 2 for part in parts)
        return {
            "rmse": float(np.sqrt(total["squared"] / weight)),
            "mae": total["absolute"] / weight,
            "r2": 1 - total["squared"] / spread if spread > 0 else float("nan"),
        }
    metrics = {"accuracy": total["correct"] / weight, "logloss": total["log"] / weight}
    return metrics | ({"auc": _compute_auc(parts)} if classes == 2 else {})


def _compute_auc(parts: Sequence[Sums]) -> float:
    """Return the probability that a row of the second class scores higher than one of the first. Ties count half."""
    values, inverse = np.unique(np.concatenate([part["scores"] for part in parts]), return_inverse=True)
    positive, negative = (
        np.bincount(inverse, np.concatenate([part[name] for part in parts]), len(values))
        for name in ("positive", "negative")
    )
    below = np.cumsum(negative) - negative
    pairs = positive.sum() * negative.sum()
    return float((positive * (below + negative / 2)).sum() / pairs) if pairs > 0 else float("nan")
