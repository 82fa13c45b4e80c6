"""What to do with a figure: show it in a notebook, save it, or embed it in HTML. Needs no matplotlib itself."""

from __future__ import annotations

import base64
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydp._machine.progress import is_notebook
from raydp.errors import MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["draw_figure", "embed_figure"]


def draw_figure(draw: Callable[[], Any], subject: str, path: str | Path | None) -> Any:
    """Draw a figure. Save it into a file and return its path, or show it in a notebook and return it.

    Args:
        draw: Returns a :class:`~raydp._estimators.notebook_figure.NotebookFigure`.
        subject: What it draws, for the error.
        path: The file, whose folder is created if needed; ``None``: none.

    Raises:
        MissingRequirementError: matplotlib is not installed.
    """
    try:
        figure = draw()
    except ImportError as error:
        raise MissingRequirementError(
            f"Drawing {subject} needs matplotlib, which is not installed; run `pip install matplotlib`"
        ) from error
    if path is None:
        if is_notebook():
            figure.show_in_notebook()
        return figure
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=120)
    return target


def embed_figure(draw: Callable[[], Any], description: str) -> str:
    """Return a figure as HTML; nothing if matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        return ""
    png = base64.b64encode(draw().to_png()).decode()
    return f'<img alt="{description}" src="data:image/png;base64,{png}">'
