"""What a session on Ray looks like in a console and in a notebook."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError

from raydp._application.application import find_death
from raydp._application.banner import ui_place
from raydp._application.lifecycle import State, lifecycle
from raydp._machine.descriptions import describe_html, describe_text
from raydp.errors import RaydpError

if TYPE_CHECKING:
    from raydp._application.application import Application

__all__ = ["describe_session"]

_NAME = "SparkSession on Ray"
_ENDED = "its application has ended; raydp.init_spark() starts another one"


def describe_session(*, is_running: bool) -> tuple[str, str]:
    """Return a session on Ray as text, and as HTML.

    Neither has the token of Spark's UI, because the output of notebooks is often stored.

    Args:
        is_running: Whether it is the session of the running application.
    """
    application = lifecycle.application if is_running and lifecycle.state is State.RUNNING else None
    facts = {"state": _ENDED}
    if application is not None and not find_death(application):
        with contextlib.suppress(RaydpError, Py4JError, OSError):  # it is ending
            facts = _find_facts(application)
    return f"<{_NAME}; {describe_text(facts)}>", describe_html(_NAME, facts)


def _find_facts(application: Application) -> dict[str, str]:
    status = application.status()
    demand = application.entry_points.executor_demand(application.settings)
    each = [f"{demand.get('CPU', 0.0):g} CPUs", f"{demand.get('memory', 0.0) / (1 << 30):.1f} GiB"]
    each += [f"{amount:g} {name}" for name, amount in sorted(demand.items()) if name not in ("CPU", "memory")]
    return {
        "application": application.application_id,
        "executors": f"{sum(one.takes_tasks for one in status.executors)} of {status.desired}",
        "each": ", ".join(each),
        "Ray": application.cluster.address,
        "Spark UI": ui_place(application, with_token=False),
    }
