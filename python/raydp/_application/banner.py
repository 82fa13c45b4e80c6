"""What the user is told of a running application: where it runs, and where Spark's UI is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from raydp._application.application import current_application
from raydp._configuration import registry
from raydp._configuration.security import ui_asks_for_token

if TYPE_CHECKING:
    from raydp._application.application import Application

__all__ = ["print_banner", "ui_url"]


def print_banner(application: Application) -> None:
    """Tell the user where the application runs, unless ``spark.raydp.banner`` is false."""
    if not registry.BANNER.get(application.settings):
        return
    registered = len(application.status().registered)
    print(
        f"raydp: {application.application_id} runs on Ray at {application.cluster.address} "
        f"({registered} executor{'' if registered == 1 else 's'} so far); Spark UI: {_ui_line(application)}",
        file=sys.stderr,
    )


def ui_url() -> str | None:
    """Return the link to the Spark UI of the running application, including the token that opens it.

    Returns:
        The link, or ``None`` if the UI is off (``spark.ui.enabled``). Anyone who has the link can see the
        application's settings, queries and logs, and can end its jobs.

    Raises:
        SessionError: No application runs.
    """
    application = current_application()
    address = application.entry_points.ui_address()
    return None if address is None else _link(application, address)


def _link(application: Application, address: str) -> str:
    if not ui_asks_for_token(application.settings):
        return address
    return f"{address}/?token={application.entry_points.ui_token()}"


def _ui_line(application: Application) -> str:
    """Where the UI is. Only a terminal shows the token, because anything else may be kept as a log."""
    address = application.entry_points.ui_address()
    if address is None:
        return "off"
    if ui_asks_for_token(application.settings) and not sys.stderr.isatty():
        return f"{address} (raydp.ui_url() has the link that opens it)"
    return _link(application, address)
