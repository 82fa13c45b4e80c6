"""How arguments of ``init_spark`` become settings.

The registry says which arguments are settings, and which values are valid.
"""

from __future__ import annotations

from raydp._configuration import registry
from raydp._configuration.setting_texts import to_text
from raydp.errors import InvalidArgumentError

__all__ = ["SETTING_OF", "to_settings"]

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
