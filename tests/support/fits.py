"""Fits that the tests of several frameworks make and look at alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from raydp._estimators.estimator import Estimator
    from raydp._estimators.result import FitResult

__all__ = ["fit_with_early_stop"]


def fit_with_early_stop(estimator: Estimator, rows: pd.DataFrame) -> tuple[FitResult, list[float], dict[str, Any]]:
    """Fit a classifier of at most 40 epochs that stops two after the best one; return what it gave.

    Returns:
        The fit's result, the loss on the evaluation frame in each epoch, and the metrics of the model on all rows.
    """
    holes = rows.assign(x=rows["x"].where(rows["id"] % 50 != 1))  # the workers have batches of different numbers
    result = estimator.fit(holes, rows)
    course = [metrics["evaluate-loss"] for metrics in result.history]
    assert len(course) == int(np.argmin(course)) + 1 + 2 or len(course) == 40
    assert result.rows == len(rows) - 5
    assert estimator.classes == ["high", "low", "middle"]
    metrics = estimator.evaluate(rows)
    assert metrics["accuracy"] > 0.8
    return result, course, metrics
