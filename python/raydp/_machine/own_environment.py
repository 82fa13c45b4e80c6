"""Secrets that a process was started with in a variable of its environment."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

__all__ = ["take_secret"]

# In /proc/self/stat, counted from the field behind the name in parentheses.
_START, _END = 47, 48


def take_secret(name: str) -> str:
    """Return a variable, and remove it from this process: its children do not get it, and ``/proc`` does not show it.

    Python removes a variable for its children, but ``/proc/<pid>/environ`` shows the memory that the kernel filled when
    the process started.

    Raises:
        KeyError: There is no such variable.
    """
    value = os.environ.pop(name)
    fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    start, end = int(fields[_START]), int(fields[_END])
    entry = os.fsencode(f"{name}={value}")
    position = (b"\0" + ctypes.string_at(start, end - start)).find(b"\0" + entry + b"\0")
    if position >= 0:
        ctypes.memset(start + position, ord("x"), len(entry))
    return value
