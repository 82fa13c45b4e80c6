"""What the program in this process was submitted with."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["settings", "size_names", "sizes_named"]

settings: dict[str, str] = {}
"""Spark settings for every context that the program makes; the program's own settings win."""

size_names: dict[str, str] = {}
"""What the sizes of executors are called where the user gives them, by key; without a name, they are called by key."""


@contextlib.contextmanager
def sizes_named(names: Mapping[str, str]) -> Iterator[None]:
    """Call the sizes so in the body of a ``with``, unless the program was submitted with options for them."""
    if size_names:
        yield
        return
    size_names.update(names)
    try:
        yield
    finally:
        size_names.clear()
