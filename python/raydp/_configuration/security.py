"""The settings that turn on Spark's own protection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp._configuration import registry, setting
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SECRET", "UI_FILTERS", "UI_TOKEN", "security_settings", "ui_asks_for_token", "ui_link"]

_AUTHENTICATE = "spark.authenticate"
SECRET = "spark.authenticate.secret"
UI_FILTERS = "spark.ui.filters"
_TOKEN_FILTER = "io.raydp.security.UiTokenFilter"
UI_TOKEN = f"spark.{_TOKEN_FILTER}.param.token"
"""The token that several processes have in common. Without it, each JVM generates its own, which is in no setting."""
_PLACEHOLDER = "generated; not shown here"
"""The same text as in the JVM's ``ApplicationSecret``, which generates the secret and keeps it out of all settings."""

_ENCRYPTION = {
    "spark.network.crypto.enabled": "true",
    "spark.network.crypto.authEngineVersion": "2",
    "spark.network.crypto.cipher": "AES/GCM/NoPadding",
    "spark.network.crypto.saslFallback": "false",  # the fallback would accept peers that do not encrypt
    "spark.io.encryption.enabled": "true",
}


def security_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings to add. Settings of the user stay, except for the filters of Spark's UI, which get one more.

    Raises:
        InvalidArgumentError: Encryption is on, and authentication, which it needs, is off.
    """
    encrypted = registry.NETWORK_ENCRYPTION.get(settings)
    if not _is_authenticated(settings):
        if encrypted:
            raise InvalidArgumentError(
                f"Encryption needs authentication. Leave out {_AUTHENTICATE}, which is true by default, or "
                f"{registry.NETWORK_ENCRYPTION.key}. {_AUTHENTICATE}: {settings[_AUTHENTICATE]!r}"
            )
        return {}
    added = {_AUTHENTICATE: "true", SECRET: _PLACEHOLDER, **(_ENCRYPTION if encrypted else {})}
    result = {key: value for key, value in added.items() if key not in settings}
    if ui_asks_for_token(settings):
        filters = [name for name in settings.get(UI_FILTERS, "").split(",") if name and name != _TOKEN_FILTER]
        result[UI_FILTERS] = ",".join([_TOKEN_FILTER, *filters])
    return result


def ui_asks_for_token(settings: Mapping[str, str]) -> bool:
    """Tell whether Spark's UI needs a token."""
    return _is_authenticated(settings) and registry.UI_TOKEN.get(settings)


def _is_authenticated(settings: Mapping[str, str]) -> bool:
    value = settings.get(_AUTHENTICATE, "true").strip()
    authenticated = setting.boolean(value)
    if authenticated is None:
        raise InvalidArgumentError(f"This setting must be true or false. {_AUTHENTICATE}: {value!r}")
    return authenticated


def ui_link(address: str, token: str | None) -> str:
    """Return the link that opens a UI.

    Args:
        address: URL of the UI.
        token: What it asks for; ``None``: nothing.
    """
    return address if token is None else f"{address}/?token={token}"
