"""How arguments of ``init_spark`` become settings.

The registry says which arguments are settings, and which values are valid.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from raydp._configuration import registry
from raydp.errors import InvalidArgumentError

__all__ = ["SETTING_OF", "to_settings", "to_text"]

SETTING_OF = {setting.argument: setting for setting in registry.SETTINGS if setting.argument is not None}
"""The setting of each argument that is one."""


def to_settings(**arguments: object) -> dict[str, str]:
    """Return the settings that arguments stand for. An argument of ``None`` sets nothing.

    Raises:
        InvalidArgumentError: A value is not valid for the argument's setting.
    """
    settings = {}
    for name, value in arguments.items():
        setting = SETTING_OF[name]
        if value is None:
            continue
        text = to_text(value)
        if setting.parse(text.strip()) is None:
            raise InvalidArgumentError(f"{name} must be {setting.form}; got: {value!r}")
        settings[setting.key] = text
    return settings


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
