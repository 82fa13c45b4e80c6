"""What the program in this process was submitted with."""

from __future__ import annotations

__all__ = ["settings"]

settings: dict[str, str] = {}
"""Spark settings for every context that the program makes; the program's own settings win."""
