"""Which faults a chaos run makes, and when: all of it follows from a seed."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ENDINGS", "Fault", "Life", "Target", "mix", "plan"]


class Target(Enum):
    """A kind of process that a fault hits."""

    EXECUTOR = "executor"
    APP_MASTER = "AppMaster"
    AGENT = "exchange agent"
    WORKER = "Python worker"
    DAEMON = "Python daemon"
    RAY_WORKER = "Ray worker"
    """It runs a task of Ray Data, or trains."""
    NODE = "other node"
    """The raylet of a node without the driver."""
    JVM = "driver JVM"
    HEAD = "Ray's head"
    RAYLET = "driver's node"
    """The raylet of the driver's node."""


ENDINGS = (Target.JVM, Target.HEAD, Target.RAYLET)
"""No application survives the end of one of these."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        target: The kind of process.
        frozen: Seconds between SIGSTOP and SIGCONT, or ``None`` for SIGKILL.
        choice: In 0..1, which of the processes of that kind, by ascending process id.
        delay: Seconds to wait first.
        overlaps: Whether to make it while the application still recovers from the one before.
        outlasts: Whether it is frozen for longer than others wait for it, in an impatient application.
    """

    target: Target
    frozen: float | None
    choice: float
    delay: float
    overlaps: bool
    outlasts: bool = False

    @property
    def kind(self) -> str:
        """What the report calls it."""
        manner = "kill" if self.frozen is None else "long freeze" if self.outlasts else "freeze"
        return f"{manner}: {self.target.value}"


@dataclass(frozen=True)
class Life:
    """One application, from its start to its end.

    Attributes:
        nodes: Nodes of its Ray cluster.
        is_impatient: Whether its time-outs are short, so that some freezes outlast them.
        faults: What it survives, in order.
        ending: What it does not survive; ``None``: it is stopped.
    """

    nodes: int
    is_impatient: bool
    faults: tuple[Fault, ...]
    ending: Fault | None

    @property
    def all_faults(self) -> tuple[Fault, ...]:
        """Its faults, and what ends it."""
        return self.faults if self.ending is None else (*self.faults, self.ending)


# Up to this number, one application has them all and is stopped.
_FEW_KILLS = 49
_KILLS_PER_LIFE = 40
# Executors and agents have most to lose.
_WEIGHTS = {Target.EXECUTOR: 5, Target.APP_MASTER: 2, Target.AGENT: 4, Target.WORKER: 3, Target.DAEMON: 1}
# In a run with many kills as well. The last three are only frozen: their ends are the endings.
_MORE_WEIGHTS = {Target.RAY_WORKER: 2.0, Target.JVM: 0.25, Target.HEAD: 0.25, Target.RAYLET: 0.25}
_NODE_WEIGHT = 0.75
_FROZEN_SHARE = 0.25
_LONGEST_FREEZE_SECONDS = 4.0
# For how long others wait for each of these is in the settings of an impatient application, and in those of its Ray.
_OUTLASTING = {
    Target.EXECUTOR: 20.0,
    Target.APP_MASTER: 14.0,
    Target.AGENT: 16.0,
    Target.NODE: 30.0,
    Target.HEAD: 16.0,
    Target.JVM: 45.0,
}


@dataclass(frozen=True)
class _Pace:
    """How closely faults follow each other."""

    longest_delay: float
    overlapping: float


_CALM = _Pace(longest_delay=2.5, overlapping=0.3)
_QUICK = _Pace(longest_delay=1.0, overlapping=0.5)


def plan(seed: int, kills: int) -> list[Life]:
    """Return applications with ``kills`` faults in all.

    Few faults are those of one application on one node, the first of which hit each kind of process once. Of many, 40
    belong to one application each, and the last one of them ends it; the last application is stopped. Every second
    application has two nodes, every fourth one is impatient. The driver's node ends only as the only one: of several,
    it is declared dead so soon that Ray ends the program.
    """
    chance = random.Random(seed)
    if kills <= _FEW_KILLS:
        return [Life(1, is_impatient=False, faults=tuple(_few(chance, kills)), ending=None)]
    endings = {1: itertools.cycle(chance.sample(ENDINGS, 3)), 2: itertools.cycle((Target.HEAD, Target.JVM))}
    lives = []
    for number, start in enumerate(range(0, kills, _KILLS_PER_LIFE), 1):
        count = min(_KILLS_PER_LIFE, kills - start)
        nodes, is_impatient = 2 - number % 2, number % 4 == 0
        ending = _fault(chance, next(endings[nodes]), None, _QUICK) if start + count < kills else None
        count -= ending is not None
        faults = list(_outlasting(chance, number))[:count] if is_impatient else []
        faults += _many(chance, count - len(faults), nodes)
        chance.shuffle(faults)
        lives.append(Life(nodes, is_impatient, tuple(faults), ending))
    return lives


def mix(lives: list[Life]) -> Counter[str]:
    """Return how many faults of each kind there are, the most frequent first."""
    counted = Counter(fault.kind for life in lives for fault in life.all_faults)
    return Counter(dict(counted.most_common()))


def _few(chance: random.Random, count: int) -> Iterator[Fault]:
    targets = chance.sample(list(_WEIGHTS), len(_WEIGHTS))
    targets += chance.choices(list(_WEIGHTS), weights=list(_WEIGHTS.values()), k=max(0, count - len(targets)))
    for target in targets[:count]:
        yield _fault(chance, target, _short(chance) if chance.random() < _FROZEN_SHARE else None, _CALM)


def _many(chance: random.Random, count: int, nodes: int) -> Iterator[Fault]:
    weights = {**_WEIGHTS, **_MORE_WEIGHTS, **({Target.NODE: _NODE_WEIGHT} if nodes > 1 else {})}
    for target in chance.choices(list(weights), weights=list(weights.values()), k=count):
        is_frozen = target in ENDINGS or chance.random() < _FROZEN_SHARE
        yield _fault(chance, target, _short(chance) if is_frozen else None, _QUICK)


def _outlasting(chance: random.Random, number: int) -> Iterator[Fault]:
    """Yield a long freeze of each kind, but of Ray's head and of the JVM in turn: everything waits for these."""
    for target, seconds in _OUTLASTING.items():
        if target is not (Target.HEAD, Target.JVM)[number // 4 % 2]:
            yield _fault(chance, target, seconds, _QUICK, outlasts=True)


def _short(chance: random.Random) -> float:
    return chance.uniform(0.5, _LONGEST_FREEZE_SECONDS)


def _fault(
    chance: random.Random, target: Target, frozen: float | None, pace: _Pace, *, outlasts: bool = False
) -> Fault:
    return Fault(
        target,
        frozen,
        choice=chance.random(),
        delay=chance.uniform(0.0, pace.longest_delay),
        overlaps=chance.random() < pace.overlapping,
        outlasts=outlasts,
    )
