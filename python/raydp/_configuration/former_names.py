"""Settings by the names that RayDP 1.6 had for them; the JVM does the same for programs without Python."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from raydp._configuration.registry import EXECUTOR_EXTRA_CLASS_PATH, RESOURCES, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["note", "translate"]

_logger = logging.getLogger(__name__)

_CLASS_PATHS = frozenset({EXECUTOR_EXTRA_CLASS_PATH.key, "spark.driver.extraClassPath"})
_NOW: dict[str, str | None] = {
    **{former: setting.key for setting in SETTINGS for former in setting.former},
    **{former: family.prefix for family in RESOURCES for former in family.former},
    "spark.preferClassPath": "spark.driver.extraClassPath",
    # Lost blocks are made again by Spark, not by tasks that would need resources of their own.
    "spark.ray.raydp_recoverable_fetch.task.resource.": None,
}
"""Today's name by the former one; names that end with a dot stand for all that begin so."""


def translate(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with what former names mean added; where both are given, the new name holds."""
    result = dict(settings)
    lowered = {key.lower(): key for key in settings}
    for former, now in _NOW.items():
        for key in _matching(settings, former):
            if now is None:
                continue
            wanted = now + key.removeprefix(former)
            name = lowered.setdefault(wanted.lower(), wanted)
            if name in result and name in _CLASS_PATHS:
                parts = [*result[name].split(os.pathsep), *settings[key].split(os.pathsep)]
                result[name] = os.pathsep.join(dict.fromkeys(filter(None, parts)))
            else:
                result.setdefault(name, settings[key])
    return result


def note(settings: Mapping[str, str]) -> None:
    """Log a line for each former name that the settings use."""
    for former, now in _NOW.items():
        for key in _matching(settings, former):
            if now is None:
                _logger.warning("This setting has no effect any more: %s", key)
            else:
                _logger.warning("This setting is called %s now: %s", now + key.removeprefix(former), key)


def _matching(settings: Mapping[str, str], former: str) -> Iterator[str]:
    if former.endswith("."):
        yield from sorted(key for key in settings if key.startswith(former))
    elif former in settings:
        yield former
