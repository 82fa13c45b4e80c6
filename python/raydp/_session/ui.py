"""``ui_url``: where the Spark UI is."""

from __future__ import annotations

from raydp._application.banner import find_ui_link
from raydp._session.standalone_session import find_standalone_session

__all__ = ["ui_url"]


def ui_url() -> str | None:
    """Return the link to the Spark UI of the running application, including the token that opens it.

    Returns:
        The link, or ``None`` if the UI is off (``spark.ui.enabled``). Anyone who has the link can see the
        application's settings, queries and logs, and can end its jobs.

    Raises:
        SessionError: No application runs.
    """
    standalone = find_standalone_session()
    return find_ui_link() if standalone is None else standalone.find_ui_link()
