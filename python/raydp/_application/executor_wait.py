"""Tells the user which executors wait for resources, and the application how long they may wait for an autoscaler."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError

from raydp._application.status import WaitingExecutors
from raydp._configuration import registry, setting
from raydp._machine.console import Reminders, describe_seconds, tell
from raydp._ray.amounts import describe_amounts, describe_nodes, missing_resources
from raydp._ray.outlook import GroupDemand, Observer, Outlook, ProcessDemand
from raydp.errors import ClusterError, SessionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raydp._application.entry_points import EntryPoints

__all__ = ["ExecutorWait"]

_IDLE_SECONDS = 5.0
_LOOK_SECONDS = 1.0
_SETTLED_SECONDS = 10.0
"""After this time, executors that Ray has placed should have a process, so that the others can be named."""
_MOST_IDS = 8


class ExecutorWait:
    """Follows the executors of an application that wait for resources, in a thread of its own.

    The thread asks Ray only while executors wait. Only this process can ask: Ray's Java API does not reach the
    autoscaler.

    Args:
        entry_points: The application in the driver JVM.
        settings: The application's complete settings.
    """

    def __init__(self, entry_points: EntryPoints, settings: Mapping[str, str]) -> None:
        self._entry_points = entry_points
        self._settings = settings
        self._is_dynamic = setting.boolean(settings.get("spark.dynamicAllocation.enabled", "false")) is True
        self._ended = threading.Event()
        self._told_of: set[int] = set()

    def start(self) -> None:
        """Start, once the JVM has the application. The thread ends soon after :meth:`close`, or with the JVM."""
        threading.Thread(target=self._follow, name="raydp-executor-wait", daemon=True).start()

    def close(self) -> None:
        """Tell nothing any more; may be called more than once."""
        self._ended.set()

    def _follow(self) -> None:
        known = ""
        episode: _Episode | None = None
        with contextlib.suppress(SessionError, Py4JError):  # the JVM is gone, and the application with it
            while not self._ended.is_set():
                known = self._entry_points.await_waiting(known, _IDLE_SECONDS if episode is None else _LOOK_SECONDS)
                waiting = WaitingExecutors.parse(known)
                if waiting is not None:
                    episode = episode or _Episode(waiting)
                    self._look(waiting, episode)
                elif episode is not None and self._is_over(episode):
                    episode = None

    def _look(self, waiting: WaitingExecutors, episode: _Episode) -> None:
        try:
            outlook = episode.observer.look()
        except ClusterError:
            return  # the JVM notices as well, or Ray answers next time
        limit = registry.infeasible_timeout(self._settings, grows=outlook.grows)
        answer = limit if outlook.grows else 0.0, outlook.said
        if episode.answer != answer:
            self._entry_points.growth_seen(*answer)
            episode.answer = answer
        if waiting.is_infeasible:
            if episode.is_due(f"a node; grows: {outlook.grows}"):
                self._tell(_describe_infeasible(waiting, outlook, episode.waited, limit))
        elif self._is_news(waiting, outlook, episode):
            self._tell(_describe_busy(waiting, outlook))

    def _is_news(self, waiting: WaitingExecutors, outlook: Outlook, episode: _Episode) -> bool:
        """Tell whether to say that executors wait although nodes could hold them.

        If none runs, jobs stand still. Otherwise it is said once for each number of executors that the user wants, and
        once if Spark chooses the number.
        """
        is_settled = outlook.unplaced >= len(waiting.ids) or episode.waited > _SETTLED_SECONDS
        if outlook.unplaced == 0 or not is_settled or len(waiting.ids) + waiting.running > waiting.desired:
            return False  # some are starting, or are about to be withdrawn
        if waiting.running == 0:
            return episode.is_due("resources")
        wanted = -1 if self._is_dynamic else waiting.desired
        is_news = wanted not in self._told_of
        self._told_of.add(wanted)
        return is_news

    def _is_over(self, episode: _Episode) -> bool:
        """Tell whether none waits any more; the user hears of that if he heard of the wait."""
        if not episode.was_told:
            return True
        status = self._entry_points.status()
        if not status.registered:
            return status.desired == 0  # otherwise they are starting, or are lost and will be requested again
        self._tell(f"executors run; some waited {episode.waited:.0f} s for resources")
        return True

    def _tell(self, line: str) -> None:
        if not self._ended.is_set():
            tell(line)


class _Episode:
    """From the moment at which executors wait until some run and none waits.

    Attributes:
        observer: Looks at what they wait for.
        answer: What the application was told of the autoscaler.
        was_told: Whether the user was told that jobs cannot run.
    """

    def __init__(self, waiting: WaitingExecutors) -> None:
        is_group = waiting.group is not None and waiting.is_infeasible
        self.observer = Observer(GroupDemand(waiting.group or "") if is_group else ProcessDemand(waiting.demand))
        self.answer: tuple[float, str] | None = None
        self.was_told = False
        self._begin = waiting.since
        self._told_what = ""
        self._reminders = Reminders()

    @property
    def waited(self) -> float:
        """For how many seconds the executors have waited."""
        return time.monotonic() - self._begin

    def is_due(self, what: str) -> bool:
        """Tell whether it is time for another line, which is at once if what they wait for has changed."""
        if self._told_what != what:
            self._told_what, self._reminders = what, Reminders()
        due = self._reminders.is_due(self.waited)
        self.was_told = self.was_told or due
        return due


def _describe_infeasible(waiting: WaitingExecutors, outlook: Outlook, waited: float, limit: float) -> str:
    demand, count = waiting.demand, len(waiting.ids)
    missing = " and ".join(missing_resources(demand, outlook.nodes, of_total=True))
    reason = f"no node of the cluster has enough {missing}" if waiting.group is None else "it has lost nodes"
    what = "a node that can hold one" if waiting.group is None else f"placement group {waiting.group}"
    return (
        f"{count} executor{_plural(count)} wait{_third(count)} for {what} ({_ids(waiting.ids)}): {reason}."
        f"{_sentence(outlook.said)} Each executor needs {describe_amounts(demand)}; the nodes have "
        f"{describe_nodes(demand, outlook.nodes, of_total=True)}. Waited {waited:.0f} s of at most "
        f"{describe_seconds(limit)} ({registry.INFEASIBLE_TIMEOUT.key}); Ctrl-C ends the wait"
    )


def _describe_busy(waiting: WaitingExecutors, outlook: Outlook) -> str:
    demand, count = waiting.demand, min(len(waiting.ids), outlook.unplaced)
    which = _ids(waiting.ids) if count == len(waiting.ids) else f"among {_ids(waiting.ids)}"
    missing = " and ".join(missing_resources(demand, outlook.nodes, of_total=False)) or "resources"
    running = {0: "none runs, so jobs wait", 1: "one runs"}.get(waiting.running, f"{waiting.running} run")
    return (
        f"{count} of {waiting.desired} executors wait{_third(count)} for {missing} ({which}); {running}."
        f"{_sentence(outlook.said)} Each executor needs {describe_amounts(demand)}; free is "
        f"{describe_nodes(demand, outlook.nodes, of_total=False)}. `ray status` shows what uses the rest"
    )


def _sentence(said: str) -> str:
    return f" {said}." if said else ""


def _ids(ids: Sequence[int]) -> str:
    shown = ", ".join(map(str, ids[:_MOST_IDS]))
    more = len(ids) - _MOST_IDS
    return f"executor {shown}" if len(ids) == 1 else f"executors {shown}{f' and {more} more' if more > 0 else ''}"


def _plural(count: int) -> str:
    return "" if count == 1 else "s"


def _third(count: int) -> str:
    return "s" if count == 1 else ""
