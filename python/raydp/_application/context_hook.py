"""What happens when a program makes a ``SparkContext`` for one of our master URLs.

Kept apart from the application itself, so that ``import raydp`` stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp._spark import internals as _spark_internals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark import SparkContext

__all__ = ["install", "is_raydp_master"]


def install() -> None:
    """Let ``SparkContext`` know our master URLs; calling it again changes nothing."""
    _spark_internals.install_context_hook(_before, _started, _failed, _stopped, _submitted)


def is_raydp_master(url: str) -> bool:
    """Tell whether a Spark master URL is for this package: ``ray``, ``ray:HOST:PORT`` (or the wrong ``ray://``)."""
    return url == "ray" or url.startswith("ray:")


def _before(master: str, settings: dict[str, str]) -> dict[str, str] | None:
    if not is_raydp_master(master):
        return None
    from raydp._application import application as _application

    return _application.prepare(master, settings)


def _started() -> None:
    from raydp._application import application as _application

    _application.started()


def _failed(error: BaseException) -> BaseException:
    from raydp._application import application as _application

    return _application.failed_to_start(error)


def _submitted() -> Mapping[str, str]:
    from raydp._application import submitted

    return submitted.settings


def _stopped(context: SparkContext) -> None:
    import sys

    application = sys.modules.get("raydp._application.application")
    if application is not None:
        application.context_stopped(context)
