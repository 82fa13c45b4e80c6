"""Replaces functions of PySpark wherever its modules have imported them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["is_replaced", "mark_replacement", "replace_function", "replace_methods"]

_MARK = "_raydp_original"


def is_replaced(function: Any) -> bool:
    """Tell whether a function is one that was put in place of another."""
    return hasattr(function, _MARK)


def replace_function(original: Any, replacement: Any) -> None:
    """Put a function in place of one of PySpark's, under every name that a loaded module of PySpark has for it."""
    mark_replacement(replacement, original)
    for module in [one for name, one in sys.modules.items() if name.startswith("pyspark.")]:
        for name in [name for name, value in vars(module).items() if value is original]:
            setattr(module, name, replacement)


def replace_methods(owner: Any, names: Iterable[str], make: Callable[[Any], Any]) -> None:
    """Put functions in place of methods of a class; idempotent.

    Args:
        owner: The class.
        names: The methods.
        make: Returns what takes the place of the method that it is given.
    """
    for name in names:
        original = getattr(owner, name)
        if not is_replaced(original):
            replacement = make(original)
            mark_replacement(replacement, original)
            setattr(owner, name, replacement)


def mark_replacement(replacement: Any, original: Any) -> None:
    """Let :func:`is_replaced` know a function by what it replaces."""
    setattr(replacement, _MARK, original)
