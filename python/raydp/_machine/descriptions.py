"""What consoles and notebooks show for raydp's objects."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["describe_html", "describe_text"]


def describe_text(values: Mapping[str, Any]) -> str:
    """Return names and values as one line."""
    return "; ".join(f"{name}: {value}" for name, value in values.items())


def describe_html(title: str, values: Mapping[str, Any], more: str = "") -> str:
    """Return a table of names and values.

    Args:
        title: Stands above the table.
        values: Shown as text.
        more: HTML to put below the table.
    """
    rows = "".join(
        f'<tr><th style="text-align:left">{html.escape(str(name))}</th>'
        f'<td style="text-align:left">{html.escape(str(value))}</td></tr>'
        for name, value in values.items()
    )
    return f"<div><b>{html.escape(title)}</b><table>{rows}</table>{more}</div>"
