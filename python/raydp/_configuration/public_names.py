"""The modules under which users know raydp's classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["public_in"]

_Class = TypeVar("_Class", bound=type)


def public_in(module: str) -> Callable[[_Class], _Class]:
    """Give a class the name of the public module that exports it, for ``help()``, ``repr`` and tracebacks.

    Objects are pickled by this name. The module must have the class as an attribute, and be imported wherever the class
    is.
    """

    def name(kind: _Class) -> _Class:
        kind.__module__ = module
        return kind

    return name
