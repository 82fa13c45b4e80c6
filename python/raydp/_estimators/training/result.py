"""The result of a fit: its metrics, and how they changed over the rounds or epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from raydp._configuration.public_names import public_in
from raydp._estimators.figures import draw_figure, embed_figure
from raydp._machine.descriptions import describe_html

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["FitResult"]


@public_in("raydp.estimator")
@dataclass(frozen=True, repr=False)
class FitResult:
    """The result of a fit.

    Attributes:
        history: Metrics of each round or epoch, in order, such as ``{"train-rmse": 0.7, "evaluate-rmse": 0.8}``.
        rows: Number of rows that the model learned from, without those that ``nulls="drop"`` dropped.
        seconds: Wall time of each part: ``convert`` (put the rows into Ray's object store), ``check`` (read and check
            them), ``train`` (start the workers, train, and return the model).
        step: What the history has an entry for: ``"round"``, ``"epoch"``, or ``"fit"`` for a model of scikit-learn that
            learns from all rows at once.
        mlflow_run_id: The run of MLflow that has the metrics; ``None``: there is none.
        retries: How often training failed, for example because a worker was killed, and was resumed.
        resumed_from: The round or epoch of the checkpoint from which it was resumed the last time; 0: it was not, or
            from the beginning.
        best_step: With early stopping, the round or epoch (from 1) whose model was kept; ``None``: the last one.
    """

    history: list[dict[str, float]]
    rows: int
    seconds: dict[str, float]
    step: str = "round"
    mlflow_run_id: str | None = None
    retries: int = 0
    resumed_from: int = 0
    best_step: int | None = None

    def __repr__(self) -> str:
        metrics = ", ".join(f"{name}={value:.5g}" for name, value in self.best_metrics.items())
        return f"FitResult({self._summary()}{': ' if metrics else ''}{metrics})"

    def _repr_html_(self) -> str:
        return describe_html("FitResult", self._describe(), self._picture())

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of the last round or epoch; empty if the framework reports none."""
        return dict(self.history[-1]) if self.history else {}

    @property
    def best_metrics(self) -> dict[str, float]:
        """The metrics of the model: those of ``best_step``, or else of the last round or epoch."""
        return self.metrics if self.best_step is None else dict(self.history[self.best_step - 1])

    def to_pandas(self) -> pd.DataFrame:
        """Return the history as a pandas DataFrame with a row per round or epoch."""
        import pandas as pd

        return pd.DataFrame(self.history)

    @overload
    def plot(self, path: None = None) -> Figure: ...

    @overload
    def plot(self, path: str | Path) -> Path: ...

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw the learning curves, with a panel per metric.

        Args:
            path: A PNG, SVG or PDF file to draw into. Its folder is created if needed. ``None`` (the default): show the
                curves below the cell of a notebook.

        Returns:
            The path; without one, matplotlib's figure.

        Raises:
            MissingRequirementError: matplotlib is not installed.
        """
        return draw_figure(self._draw, "learning curves", path)

    def _draw(self) -> Any:
        from raydp._estimators.training.curves import draw_curves

        return draw_curves(self.history, self.step, self.best_step)

    def _summary(self) -> str:
        steps = len(self.history)
        took = sum(self.seconds.values())
        best = "" if self.best_step is None else f", the best is {self.best_step:,},"
        counted = "" if self.step == "fit" else f"{steps:,} {self.step}{'' if steps == 1 else 's'}{best} on "
        retried = f", {self.retries:,} {'retry' if self.retries == 1 else 'retries'}" if self.retries else ""
        measured = "" if counted or self.metrics else "; fit computes metrics on evaluate_ds"
        return f"{counted}{self.rows:,} rows in {took:.1f} s{retried}{measured}"

    def _describe(self) -> dict[str, Any]:
        seconds = {f"seconds to {name}": f"{value:.1f}" for name, value in self.seconds.items()}
        metrics = {name: f"{value:.5g}" for name, value in self.best_metrics.items()}
        return {"trained": self._summary(), **metrics, **seconds}

    def _picture(self) -> str:
        """Return the curves as HTML; nothing if there are none, or if matplotlib is not installed."""
        return embed_figure(self._draw, "learning curves") if any(self.history) else ""
