"""raydp's own lines for the user, on standard error."""

from __future__ import annotations

import sys

__all__ = ["tell"]


def tell(text: str) -> None:
    """Print a line of raydp."""
    print(f"raydp: {text}", file=sys.stderr)
