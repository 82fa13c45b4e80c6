"""The result of ``evaluate``: metrics, and for a classifier how labels and predictions agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from raydp._configuration.public_names import public_in
from raydp._estimators.figures import draw_figure, embed_figure
from raydp._machine.descriptions import describe_html
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

    from raydp._estimators.outcomes import Outcomes

__all__ = ["Evaluation"]

_MOST_SHOWN_CLASSES = 20


@public_in("raydp.estimator")
class Evaluation(dict[str, float]):
    """The metrics of an evaluation, by name. For a classifier also a confusion matrix and a calibration table."""

    def __init__(
        self, metrics: Mapping[str, float], outcomes: Outcomes | None = None, classes: Sequence[Any] = ()
    ) -> None:
        super().__init__(metrics)
        self._outcomes, self._classes = outcomes, list(classes)

    def _repr_html_(self) -> str:
        shown = {name: f"{value:.5g}" for name, value in self.items()}
        if self._outcomes is None:
            return describe_html("Evaluation", shown)
        matrix = self.confusion_matrix.to_html() if len(self._classes) <= _MOST_SHOWN_CLASSES else ""
        return describe_html("Evaluation", shown, matrix + embed_figure(self._draw, "confusion matrix and calibration"))

    @property
    def confusion_matrix(self) -> pd.DataFrame:
        """The number of rows (or their weight) by label and prediction, with a row for each label.

        Raises:
            AttributeError: It is the evaluation of a regression.
        """
        return self._get_outcomes("confusion_matrix").to_matrix(self._classes)

    @property
    def calibration(self) -> pd.DataFrame:
        """How often what the model calls probable is true, by ten bins of the probability that have rows.

        ``mean_predicted`` is the mean probability of a bin, ``fraction_of_positives`` the share of rows for which it
        came true. Of two classes, the second is the positive one, as for ``auc``. Of more, the probability is that of
        the predicted class, which is positive if it is right.

        Raises:
            AttributeError: It is the evaluation of a regression.
        """
        return self._get_outcomes("calibration").to_calibration()

    @overload
    def plot(self, path: None = None) -> Figure: ...

    @overload
    def plot(self, path: str | Path) -> Path: ...

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw the confusion matrix and the calibration curve.

        Args:
            path: A PNG, SVG or PDF file to draw into. Its folder is created if needed. ``None`` (the default): show the
                figure below the cell of a notebook.

        Returns:
            The path; without one, matplotlib's figure.

        Raises:
            InvalidArgumentError: It is the evaluation of a regression.
            MissingRequirementError: matplotlib is not installed.
        """
        if self._outcomes is None:
            raise InvalidArgumentError(
                f"Only the evaluation of a classifier can be drawn; this one is of a regression: {', '.join(self)}"
            )
        return draw_figure(self._draw, "an evaluation", path)

    def _draw(self) -> Any:
        from raydp._estimators.evaluation_plot import draw_evaluation

        return draw_evaluation(self.confusion_matrix, self.calibration, self.get("accuracy", float("nan")))

    def _get_outcomes(self, name: str) -> Outcomes:
        if self._outcomes is None:
            raise AttributeError(f"Only the evaluation of a classifier has a {name}; metrics: {', '.join(self)}")
        return self._outcomes
