"""Names that settings had in RayDP 1.6. The JVM translates them, too, for programs without Python."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from raydp._configuration.registry import EXECUTOR_EXTRA_CLASS_PATH, PREFIX, RESOURCES, SETTINGS
from raydp._configuration.suggestions import did_you_mean
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["note", "refuse_unknown", "translate"]

_logger = logging.getLogger(__name__)

_PREFIX = "spark.ray."
_CLASS_PATHS = frozenset({EXECUTOR_EXTRA_CLASS_PATH.key, "spark.driver.extraClassPath"})
_NOW: dict[str, str | None] = {
    **{former: setting.key for setting in SETTINGS for former in setting.former},
    **{former: family.prefix for family in RESOURCES for former in family.former},
    "spark.preferClassPath": "spark.driver.extraClassPath",
    # Spark recomputes lost blocks itself, so there are no tasks that need resources for that.
    "spark.ray.raydp_recoverable_fetch.task.resource.": None,
}
"""Today's name by the former one. A name that ends with a dot is a prefix."""


def translate(settings: Mapping[str, str]) -> dict[str, str]:
    """Add today's names for former ones. If both are given, the value of today's name wins."""
    result = dict(settings)
    lowered = {key.lower(): key for key in settings}
    for former, now in _NOW.items():
        for key in _matching(settings, former):
            if now is None:
                continue
            today = now + key.removeprefix(former)
            name = lowered.setdefault(today.lower(), today)
            if name in result and name in _CLASS_PATHS:
                parts = [*result[name].split(os.pathsep), *settings[key].split(os.pathsep)]
                result[name] = os.pathsep.join(dict.fromkeys(filter(None, parts)))
            else:
                result.setdefault(name, settings[key])
    return result


def refuse_unknown(settings: Mapping[str, str]) -> None:
    """Raise InvalidArgumentError for a setting with the former prefix that never existed."""
    known = {key for former in _NOW for key in _matching(settings, former)}
    for key in sorted(settings):
        if key.startswith(_PREFIX) and key not in known:
            raise InvalidArgumentError(
                f"There is no such setting. {did_you_mean(key, _NOW)}raydp's settings begin with {PREFIX} now. "
                f"Unknown: {key}"
            )


def note(settings: Mapping[str, str]) -> None:
    """Warn of each former name in the settings."""
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
