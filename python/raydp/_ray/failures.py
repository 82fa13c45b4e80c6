"""Short reasons for Ray's errors. The only place that takes them apart."""

from __future__ import annotations

__all__ = ["reason_of"]


def reason_of(error: BaseException) -> str:
    """Return the type of an error and its last line, which says what happened: tracebacks come before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1]}" if lines else type(error).__name__
