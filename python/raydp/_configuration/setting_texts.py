"""Python values as the text of settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from raydp.errors import InvalidArgumentError

__all__ = ["to_setting_texts", "to_text"]


def to_setting_texts(configs: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the argument ``configs`` of a public function as settings.

    Raises:
        InvalidArgumentError: It is no mapping, or contains a dict with something that JSON has not.
    """
    if configs is not None and not isinstance(configs, Mapping):
        raise InvalidArgumentError(f"configs must be a dict of Spark settings; got {type(configs).__name__}")
    return {str(key): to_text(value) for key, value in (configs or {}).items()}


def to_text(value: object) -> str:
    """Return a Python value as the text of a setting: lists are joined with commas, and dicts become JSON.

    Raises:
        InvalidArgumentError: A dict contains something that JSON has not.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        try:
            return json.dumps(dict(value))
        except (TypeError, ValueError) as error:
            raise InvalidArgumentError(
                f"A dict becomes JSON, so it may only contain strings, numbers, booleans, None, lists and dicts; got: "
                f"{value!r}"
            ) from error
    if isinstance(value, (list, tuple)):
        return ",".join(to_text(one) for one in value)
    return str(value)
