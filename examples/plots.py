"""How the examples' pictures look, and where they are written."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

STYLE = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.prop_cycle": mpl.cycler(color=["#2a6f97", "#e76f51", "#2a9d8f", "#e9b44c", "#7b5ea7", "#8a8d91"]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.titleweight": "bold",
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
    "savefig.dpi": 100,
}


def add_plot_option(parser: argparse.ArgumentParser, program: str) -> None:
    """Let a program be told where its picture goes; by default into ``output/`` beside it."""
    path = Path(program).with_name("output") / f"{Path(program).stem}.png"
    parser.add_argument("--plot", type=Path, default=path, help="PNG, SVG or PDF file for the picture")


@contextmanager
def panels(path: Path, title: str, widths: Sequence[float], height: float = 4.2) -> Iterator[list[Any]]:
    """Give panels side by side to draw into, of widths in inches; they are written to a file at the end."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(sum(widths), height), layout="constrained")
        figure.suptitle(title)
        yield list(figure.subplots(1, len(widths), squeeze=False, width_ratios=widths)[0])
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    print("picture:", path)
