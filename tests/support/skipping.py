"""Skips tests where they cannot run."""

from __future__ import annotations

import pytest

__all__ = ["skipped_for"]


def skipped_for(reason: str | None) -> pytest.MarkDecorator:
    """Return the mark of a test that is skipped for a reason, if there is one."""
    return pytest.mark.skipif(reason is not None, reason=str(reason))
