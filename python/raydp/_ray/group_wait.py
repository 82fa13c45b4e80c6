"""Waits until Ray has reserved a placement group, and tells the user what it waits for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raydp._machine.console import Reminders, describe_seconds, tell
from raydp._ray.outlook import GroupDemand, Observer
from raydp.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ray.util.placement_group import PlacementGroup

__all__ = ["GroupTimeout", "await_group"]

_USUAL_SECONDS = 2
_LOOK_SECONDS = 1


@dataclass(frozen=True)
class GroupTimeout:
    """A group that was not reserved in time.

    Attributes:
        waited: For how many seconds.
        limit: The bound that ended the wait, in seconds.
        said: What the autoscaler does, as in an :class:`~raydp._ray.outlook.Outlook`.
    """

    waited: float
    limit: float
    said: str


def await_group(group: PlacementGroup, limit: Callable[[bool], float], what: str) -> GroupTimeout | None:
    """Wait until a placement group is reserved.

    Args:
        group: The group.
        limit: Returns how many seconds to wait if the autoscaler adds nodes (``True``), or if it does not.
        what: What waits for what, for the user.

    Returns:
        ``None`` if the group is reserved; else how long that was waited for.
    """
    begin = time.monotonic()
    if group.wait(min(_USUAL_SECONDS, limit(False))):  # noqa: FBT003
        return None
    observer, reminders = Observer(GroupDemand(group.id.hex())), Reminders()
    grows, said, counts_from = False, "", begin
    while True:
        try:
            outlook = observer.look()
        except ClusterError:
            pass  # Ray answers next time, or the wait ends
        else:
            if grows and not outlook.grows:
                counts_from = time.monotonic()
            grows, said = outlook.grows, outlook.said
        now = time.monotonic()
        if now - counts_from >= limit(grows):
            return GroupTimeout(now - begin, limit(grows), said)
        if reminders.is_due(now - begin):
            autoscaler = f" {said}." if said else ""
            tell(
                f"{what}.{autoscaler} Waited {now - begin:.0f} s of at most {describe_seconds(limit(grows))}; Ctrl-C "
                "ends the wait"
            )
        if group.wait(_LOOK_SECONDS):
            return None
