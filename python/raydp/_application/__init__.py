"""One Spark application on Ray: its start, its status and its end.

The names below are imported when they are used, because PySpark's forked workers import this package for its context
hook, and must not load Ray for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raydp._application.application import Application, current_application

__all__ = ["Application", "current_application"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from raydp._application import application

        return getattr(application, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
