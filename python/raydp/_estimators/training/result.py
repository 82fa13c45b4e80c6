"""The result of a fit: its metrics, and how they changed over the rounds or epochs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydp._configuration.public_names import public_in
from raydp.errors import MissingRequirementError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FitResult"]


@public_in("raydp.estimator")
@dataclass(frozen=True)
class FitResult:
    """The result of a fit.

    Attributes:
        history: Metrics of each round or epoch, in order, such as ``{"train-rmse": 0.7, "evaluate-rmse": 0.8}``.
        rows: Number of rows that the model learned from, without those that ``nulls="drop"`` dropped.
        seconds: Wall time of each part: ``convert`` (put the rows into Ray's object store), ``check`` (read and check
            them), ``train`` (start the workers, train, and return the model).
    """

    history: list[dict[str, float]]
    rows: int
    seconds: dict[str, float]

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of the last round or epoch; empty if the framework reports none."""
        return dict(self.history[-1]) if self.history else {}

    def to_pandas(self) -> pd.DataFrame:
        """Return the history as a pandas DataFrame with a row per round or epoch."""
        import pandas as pd

        return pd.DataFrame(self.history)

    def plot(self, path: str | Path) -> Path:
        """Draw the learning curves into a PNG, SVG or PDF file, with a panel per metric.

        Args:
            path: The file. Its folder is created if needed.

        Returns:
            The path.

        Raises:
            MissingRequirementError: matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise MissingRequirementError(
                "Drawing learning curves needs matplotlib, which is not installed; run `pip install matplotlib`"
            ) from error
        panels: dict[str, dict[str, list[float]]] = {}
        for name in self.history[0] if self.history else ():
            data, _, metric = name.partition("-")
            panels.setdefault(metric or name, {})[data if metric else ""] = [round_[name] for round_ in self.history]
        figure = Figure(figsize=(5 * max(len(panels), 1), 3.5), layout="constrained")
        axes: Any = figure.subplots(1, max(len(panels), 1), squeeze=False)[0]
        for panel, (metric, curves) in zip(axes, panels.items(), strict=False):
            for data, values in curves.items():
                panel.plot(range(1, len(values) + 1), values, label=data, marker="." if len(values) < 20 else None)
            panel.set(xlabel="round", ylabel=metric)
            panel.locator_params(axis="x", integer=True)
            panel.spines[["top", "right"]].set_visible(False)
            if any(curves):
                panel.legend(frameon=False)
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target, dpi=120)
        return target
