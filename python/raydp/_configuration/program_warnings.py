"""Warnings that point at the line of the program that called raydp."""

from __future__ import annotations

import sys
import warnings

__all__ = ["warn_program"]


def warn_program(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the first line, from here upwards, that is not raydp's own. Decorators do not count that way."""
    level, frame = 1, sys._getframe()  # noqa: SLF001  (documented; the functions of inspect read sources)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith("raydp."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
