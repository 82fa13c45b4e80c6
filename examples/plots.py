"""The style of the examples' figures, and where they are saved."""

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
    """Add an option for the path of the figure; the default is in the folder ``output`` next to the program."""
    path = Path(program).with_name("output") / f"{Path(program).stem}.png"
    parser.add_argument(
        "--plot", type=Path, default=path, help="file for the figure: PNG, SVG or PDF (default: %(default)s)"
    )


@contextmanager
def panels(path: Path, title: str, widths: Sequence[float], height: float = 4.2) -> Iterator[list[Any]]:
    """Yield panels next to each other, with widths in inches, and save the figure at the end."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(sum(widths), height), layout="constrained")
        figure.suptitle(title)
        yield list(figure.subplots(1, len(widths), squeeze=False, width_ratios=widths)[0])
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    print("figure:", path)
