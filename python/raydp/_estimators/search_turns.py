"""Which trials of a search train at the same time: as many as the cluster has room for. The others wait."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayError

from raydp._ray.outlook import Observer, ProcessDemand
from raydp.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["TrialDemand", "TrialTurns", "has_room", "open_turns"]

_SLACK = 1e-6


@dataclass(frozen=True)
class TrialDemand:
    """What the workers of one trial need at the same time.

    Attributes:
        resources: Ray resources of each process.
        count: Number of processes.
        strategy: Ray's placement strategy for them.
    """

    resources: Mapping[str, float]
    count: int
    strategy: str


class _Turns:
    """Actor that lets trials in, in the order in which they come, while the nodes have room for all that are in."""

    def __init__(self) -> None:
        self._nodes: Sequence[Mapping[str, float]] = ()
        self._waiting: list[str] = []
        self._inside: dict[str, TrialDemand] = {}
        self._ended: set[str] = set()
        self._changed = asyncio.Condition()

    async def enter(self, trial: str, demand: TrialDemand, nodes: Sequence[Mapping[str, float]]) -> None:
        """Wait until a trial may train.

        Args:
            trial: Its id.
            demand: What its workers need.
            nodes: What is free on each node now; empty if that does not limit the search.
        """
        async with self._changed:
            # The most that was ever seen free: what the search itself holds is not free now.
            self._nodes = max(self._nodes, nodes, key=_count_cpus)
            self._waiting.append(trial)
            await self._changed.wait_for(lambda: trial in self._ended or self._may_enter(trial, demand))
            self._waiting.remove(trial)
            if trial not in self._ended:
                self._inside[trial] = demand
            self._changed.notify_all()

    async def leave(self, trial: str) -> None:
        """End the turn of a trial, also of one whose process was killed."""
        async with self._changed:
            self._ended.add(trial)
            self._inside.pop(trial, None)
            self._changed.notify_all()

    async def await_another(self, trial: str) -> bool:
        """Wait until another trial ends; return at once, and ``False``, if no other one is in."""
        async with self._changed:
            others, before = set(self._inside) - {trial}, len(self._ended)
            if not others:
                return False
            await self._changed.wait_for(lambda: len(self._ended) > before)
            return True

    def _may_enter(self, trial: str, demand: TrialDemand) -> bool:
        if self._waiting[0] != trial:
            return False
        return not self._inside or not self._nodes or has_room([*self._inside.values(), demand], self._nodes)


class TrialTurns:
    """The turns of a search, as its driver and its trials see them. Travels to the trials.

    Args:
        actor: The actor; ``None``: there is one trial at a time.
    """

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def enter(self, trial: str, demand: TrialDemand) -> None:
        """Wait until a trial may train: at most as long as others of the search do."""
        if self._actor is not None:
            try:
                ray.get(self._actor.enter.remote(trial, demand, _find_free()))
            except RayError:
                return  # without the actor, the trials compete for their resources

    def leave(self, trial: str) -> None:
        """End the turn of a trial. Does not wait."""
        if self._actor is not None:
            self._actor.leave.remote(trial)

    def await_another(self, trial: str) -> bool:
        """Wait until another trial of the search has ended; ``False``: there is none."""
        if self._actor is None:
            return False
        try:
            return bool(ray.get(self._actor.await_another.remote(trial)))
        except RayError:
            return False


@contextmanager
def open_turns(concurrent: int) -> Iterator[TrialTurns]:
    """Make the turns of a search that lasts as long as the context.

    Args:
        concurrent: How many trials may be in at once. One trial at a time needs no actor.
    """
    if concurrent == 1:
        yield TrialTurns(None)
        return
    actor: Any = ray.remote(_Turns).options(num_cpus=0).remote()
    try:
        yield TrialTurns(actor)
    finally:
        ray.kill(actor)


def has_room(demands: Sequence[TrialDemand], nodes: Sequence[Mapping[str, float]]) -> bool:
    """Return whether nodes can hold the workers of some trials at the same time, each trial on the first that fit.

    Args:
        demands: What each trial needs.
        nodes: What is free on each node.
    """
    free = [dict(node) for node in nodes]
    return all(_place(demand, free) for demand in demands)


def _place(demand: TrialDemand, free: list[dict[str, float]]) -> bool:
    """Take what a trial needs from the nodes; return whether they have it."""
    at_once = demand.count if demand.strategy == "STRICT_PACK" else 1
    bundle = {name: amount * at_once for name, amount in demand.resources.items() if amount > 0}
    used: set[int] = set()
    for _ in range(demand.count // at_once):
        found = next(
            (
                index
                for index, node in enumerate(free)
                if not (demand.strategy == "STRICT_SPREAD" and index in used)
                and all(node.get(name, 0.0) + _SLACK >= amount for name, amount in bundle.items())
            ),
            None,
        )
        if found is None:
            return False
        used.add(found)
        for name, amount in bundle.items():
            free[found][name] -= amount
    return True


def _find_free() -> list[Mapping[str, float]]:
    """Return what is free on each node; nothing if an autoscaler may add nodes, or if Ray does not say."""
    try:
        outlook = Observer(ProcessDemand({})).look()
    except ClusterError:
        return []
    return [] if outlook.said else [node.free for node in outlook.nodes]


def _count_cpus(nodes: Sequence[Mapping[str, float]]) -> float:
    return sum(node.get("CPU", 0.0) for node in nodes)
