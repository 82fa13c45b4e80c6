"""What the user is told of a running application: where it runs, and where Spark's UI is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from raydp._application.application import current_application
from raydp._application.room import describe_full_cluster
from raydp._configuration import registry
from raydp._configuration.security import ui_asks_for_token, ui_link
from raydp._machine.console import tell

if TYPE_CHECKING:
    from raydp._application.application import Application

__all__ = ["find_ui_link", "print_banner", "print_room", "ui_place"]


def print_banner(application: Application) -> None:
    """Tell the user where the application runs, unless ``spark.raydp.banner`` is false."""
    if not registry.BANNER.get(application.settings):
        return
    # Only a terminal shows the token, because anything else may be kept as a log.
    ui = ui_place(application, with_token=sys.stderr.isatty())
    registered = len(application.status().registered)
    tell(
        f"{application.application_id} runs on Ray at {application.cluster.address} "
        f"({registered} executor{'' if registered == 1 else 's'} so far); Spark UI: {ui}"
    )


def print_room(application: Application) -> None:
    """Tell the user what executors took without being told, and if they leave no CPU to Ray's tasks."""
    if not registry.BANNER.get(application.settings):
        return
    if application.taken is not None:
        tell(application.taken)
    full = describe_full_cluster(application)
    if full is not None:
        tell(full)


def find_ui_link() -> str | None:
    """Return the link to the Spark UI of the running application on Ray, with its token; ``None`` if the UI is off.

    Raises:
        SessionError: No application runs.
    """
    application = current_application()
    address = application.entry_points.ui_address()
    return None if address is None else _link(application, address)


def ui_place(application: Application, *, with_token: bool) -> str:
    """Say where Spark's UI is, and if the link is shown without the token that opens it, how to get that."""
    address = application.entry_points.ui_address()
    if address is None:
        return "off"
    if ui_asks_for_token(application.settings) and not with_token:
        return f"{address} (raydp.ui_url() has the link that opens it)"
    return _link(application, address)


def _link(application: Application, address: str) -> str:
    return ui_link(address, application.entry_points.ui_token() if ui_asks_for_token(application.settings) else None)
