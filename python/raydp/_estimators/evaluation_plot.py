"""Draw the evaluation of a classifier. Importing this module needs matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from raydp._estimators.notebook_figure import NotebookFigure

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["draw_evaluation"]

_MOST_NAMED_CLASSES = 20


def draw_evaluation(matrix: pd.DataFrame, calibration: pd.DataFrame, accuracy: float) -> NotebookFigure:
    """Return a figure with the confusion matrix and the calibration curve.

    Args:
        matrix: Rows by label and prediction.
        calibration: Bins of the probability.
        accuracy: The share of right predictions.
    """
    figure = NotebookFigure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_matrix(left, matrix)
    left.set_title(f"{accuracy:.1%} of the predictions are right", fontsize="medium")
    _draw_calibration(right, calibration, two=len(matrix) == 2)
    return figure


def _draw_matrix(axes: Any, matrix: pd.DataFrame) -> None:
    values = matrix.to_numpy()
    axes.imshow(values, cmap="Blues", vmin=0)
    axes.set(xlabel="predicted label", ylabel="true label")
    if len(matrix) > _MOST_NAMED_CLASSES:
        return
    places = range(len(matrix))
    axes.set_xticks(places, matrix.columns, rotation=45 if len(matrix) > 3 else 0)
    axes.set_yticks(places, matrix.index)
    dark = values.max() / 2
    for row, column in np.ndindex(values.shape):
        number = f"{values[row, column]:,.4g}" if values.dtype.kind == "f" else f"{values[row, column]:,}"
        color = "white" if values[row, column] > dark else "black"
        axes.text(column, row, number, ha="center", va="center", color=color)


def _draw_calibration(axes: Any, calibration: pd.DataFrame, *, two: bool) -> None:
    predicted, observed, rows = (
        calibration[name].to_numpy() for name in ("mean_predicted", "fraction_of_positives", "rows")
    )
    error = float((np.abs(predicted - observed) * rows).sum() / rows.sum())
    axes.plot([0, 1], [0, 1], linestyle="--", color="gray", label="perfectly calibrated")
    axes.plot(predicted, observed, marker="o", label="model")
    axes.set(
        xlabel="mean predicted probability" + ("" if two else " of the predicted class"),
        ylabel="fraction of positives" if two else "fraction of right predictions",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    axes.set_title(f"expected calibration error {error:.3f}", fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
