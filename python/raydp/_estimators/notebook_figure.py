"""A figure of matplotlib for notebooks. Importing this module needs matplotlib."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

__all__ = ["NotebookFigure"]


class NotebookFigure(Figure):
    """A figure that a notebook shows by itself, also where the program has not set matplotlib up for notebooks."""

    _is_shown = False

    def to_png(self) -> bytes:
        """Return the figure as a PNG file."""
        content = io.BytesIO()
        self.savefig(content, format="png", dpi=100)
        return content.getvalue()

    def show_in_notebook(self) -> None:
        """Show the figure below the cell that runs."""
        from IPython import display

        ipython: Any = display  # it has no types
        ipython.display(ipython.Image(self.to_png()))
        self._is_shown = True

    def _ipython_display_(self) -> None:
        # IPython calls this for the value of a cell's last line, which plot() may have shown already.
        if not self._is_shown:
            self.show_in_notebook()
        self._is_shown = False
