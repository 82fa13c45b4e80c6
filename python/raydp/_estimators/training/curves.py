"""Draw the learning curves of a fit. Importing this module needs matplotlib."""

from __future__ import annotations

from typing import Any

from raydp._estimators.notebook_figure import NotebookFigure

__all__ = ["draw_curves"]

_MARKED = 20  # rounds up to which each one has a marker


def draw_curves(history: list[dict[str, float]], step: str) -> NotebookFigure:
    """Return a figure with a panel per metric.

    Args:
        history: Metrics of each round or epoch, such as ``{"train-rmse": 0.7, "evaluate-rmse": 0.8}``.
        step: What the history has an entry for, ``"round"`` or ``"epoch"``.
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
        ends = ", ".join(f"{data} {values[-1]:.4g}".strip() for data, values in curves.items() if values)
        panel.set(xlabel=step, ylabel=metric, title=f"{metric} after {len(history)} {step}s: {ends}")
        panel.title.set_fontsize("medium")
        panel.locator_params(axis="x", integer=True)
        panel.spines[["top", "right"]].set_visible(False)
        if any(curves):
            panel.legend(frameon=False)
    return figure
