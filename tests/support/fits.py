"""Fits that the tests of several frameworks make and look at alike."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from raydp._estimators.estimator import Estimator
    from raydp._estimators.training.result import FitResult

__all__ = ["assert_followed", "fit_with_early_stop", "with_configuration", "without_label"]

_LAST_IN_BAR = re.compile(r"raydp: training [a-z]+:[^\r]*?(\d+)/(\d+) [^\r]*?, ([^\r]*)\]")


def assert_followed(result: FitResult, shown: str, folder: Path, *, steps: int, named: str) -> None:
    """Check what a fit with ``progress=True`` and ``checkpoint_every=1`` tells of its course.

    Args:
        result: What the fit gave.
        shown: What it wrote to standard error.
        folder: For the picture of the curves.
        steps: Rounds or epochs that it might have taken at most.
        named: A metric of each.
    """
    done, total, detail = _LAST_IN_BAR.findall(shown)[-1]
    assert (int(done), int(total)) == (len(result.history), steps)
    assert f"{named}={result.metrics[named]:.5g}" in detail
    assert result.metrics == result.history[-1]
    assert list(result.to_pandas()[named]) == [metrics[named] for metrics in result.history]
    assert result.plot(folder / "curves" / "fit.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


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


def with_configuration(estimator: Estimator, **changes: Any) -> Estimator:
    """Return a fitted estimator with another configuration."""
    return _with_model(estimator, configuration=replace(estimator._get_fitted_model().configuration, **changes))


def without_label(estimator: Estimator) -> Estimator:
    """Return a fitted estimator as if it had learned from features alone."""
    return _with_model(estimator, layout=replace(estimator._get_fitted_model().layout, label=None))


def _with_model(estimator: Estimator, **changes: Any) -> Estimator:
    changed = copy.copy(estimator)
    changed._model = replace(estimator._get_fitted_model(), **changes)
    return changed
