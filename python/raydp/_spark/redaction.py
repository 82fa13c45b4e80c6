"""Hides secrets in what is printed.

They are what ``spark.redaction.regex`` matches in names and values, as in Spark, and users and passwords in addresses,
such as those of private Maven repositories in ``spark.jars.repositories``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["redact_arguments", "redact_settings"]

_KEY = "spark.redaction.regex"
_DEFAULT = "(?i)secret|password|token|access[.]?key"
_REPLACEMENT = "*********(redacted)"
# A user with a password, or a token instead of a user. In abfss://container@account, the first part is no secret.
_USER_IN_ADDRESS = re.compile(r"(?<=://)[^/?#\s,@:]*:[^/?#\s,]*(?=@)|(?<=https://)[^/?#\s,]+(?=@)")


def redact_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings in which the values are replaced that the application redacts."""
    pattern = _pattern(settings)
    return {
        key: _REPLACEMENT if key != _KEY and (pattern.search(key) or pattern.search(value)) else _hide_users(value)
        for key, value in settings.items()
    }


def redact_arguments(arguments: Iterable[str], settings: Mapping[str, str]) -> list[str]:
    """Return a command line without secrets: in arguments like ``-Dname=value``, the values are replaced."""
    pattern = _pattern(settings)
    redacted = []
    for argument in arguments:
        name, separator, value = argument.partition("=")
        is_secret = bool(separator) and bool(pattern.search(name) or pattern.search(value))
        redacted.append(f"{name}={_REPLACEMENT}" if is_secret else _hide_users(argument))
    return redacted


def _hide_users(text: str) -> str:
    return _USER_IN_ADDRESS.sub(_REPLACEMENT, text)


def _pattern(settings: Mapping[str, str]) -> re.Pattern[str]:
    try:
        return re.compile(settings.get(_KEY, _DEFAULT))
    except re.error:  # Java's syntax, or a mistake that Spark reports: better too much than too little
        return re.compile("")
