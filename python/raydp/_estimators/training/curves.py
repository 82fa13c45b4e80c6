"""Draw the learning curves of a fit. Importing this module needs matplotlib."""

from __future__ import annotations

from typing import Any

from raydp._estimators.notebook_figure import NotebookFigure

__all__ = ["draw_curves"]

_MARKED = 20  # rounds up to which each one has a marker


def draw_curves(history: list[dict[str, float]], step: str, best: int | None = None) -> NotebookFigure:
    """Return a figure with a panel per metric.

    Args:
        history: Metrics of each round or epoch, such as ``{"train-rmse": 0.7, "evaluate-rmse": 0.8}``.
        step: What the history has an entry for, ``"round"`` or ``"epoch"``.
        best: The round or epoch (from 1) whose model was kept; ``None``: the last one.
    """
    panels: dict[str, dict[str, list[float]]] = {}
    for name in history[0] if history else ():
        data, _, metric = name.partition("-")
        panels.setdefault(metric or name, {})[data if metric else ""] = [one[name] for one in history if name in one]
    figure = NotebookFigure(figsize=(5 * max(len(panels), 1), 3.5), layout="constrained")
    axes: Any = figure.subplots(1, max(len(panels), 1), squeeze=False)[0]
    for panel, (metric, curves) in zip(axes, panels.items(), strict=False):
        for data, values in curves.items():
            panel.plot(range(1, len(values) + 1), values, label=data, marker="." if len(values) < _MARKED else None)
        last = len(history) if best is None else best
        ends = ", ".join(
            f"{data} {values[last - 1]:.4g}".strip() for data, values in curves.items() if values[last - 1 :]
        )
        panel.set(xlabel=step, ylabel=metric, title=f"{metric} after {last} {step}s: {ends}")
        if best is not None:
            panel.axvline(best, color="grey", linestyle=":", linewidth=1, label="best")
        panel.title.set_fontsize("medium")
        panel.locator_params(axis="x", integer=True)
        panel.spines[["top", "right"]].set_visible(False)
        if any(curves):
            panel.legend(frameon=False)
    return figure
