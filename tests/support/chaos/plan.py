"""Which faults a chaos run makes, and when: all of it follows from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum

__all__ = ["Fault", "Target", "impatience", "plan"]


class Target(Enum):
    """A kind of process that a fault hits."""

    EXECUTOR = "executor"
    APP_MASTER = "AppMaster"
    AGENT = "exchange agent"
    WORKER = "Python worker"
    DAEMON = "Python daemon"


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        target: The kind of process.
        frozen: Seconds between SIGSTOP and SIGCONT, or ``None`` for SIGKILL.
        choice: In 0..1, which of the processes of that kind, by ascending process id.
        delay: Seconds to wait first.
        overlaps: Whether to make it while the application still recovers from the one before.
    """

    target: Target
    frozen: float | None
    choice: float
    delay: float
    overlaps: bool


# Executors and agents have most to lose.
_WEIGHTS = {Target.EXECUTOR: 5, Target.APP_MASTER: 2, Target.AGENT: 4, Target.WORKER: 3, Target.DAEMON: 1}
_LONGEST_FREEZE_SECONDS = 4.0
_MANY_KILLS = 50
# Longer than what others wait for these processes, with the settings of `impatience`.
_OUTLASTING = {Target.EXECUTOR: 45.0, Target.APP_MASTER: 20.0}
_LONGEST_DELAY_SECONDS = 2.5


def impatience(kills: int) -> dict[str, str]:
    """Return settings with which Spark gives up an executor sooner, for plans with freezes that outlast them."""
    if kills < _MANY_KILLS:
        return {}
    return {
        "spark.executor.heartbeatInterval": "4s",
        "spark.network.timeout": "24s",
        "spark.network.timeoutInterval": "4s",
    }


def plan(seed: int, kills: int) -> list[Fault]:
    """Return ``kills`` faults; the first ones hit each kind of process once, in an order of the seed.

    If there are many, some freezes outlast the patience of whoever waits: a process that was given up comes back.
    """
    chance = random.Random(seed)
    targets = chance.sample(list(Target), len(Target))
    targets += chance.choices(list(_WEIGHTS), weights=list(_WEIGHTS.values()), k=max(0, kills - len(targets)))
    return [
        Fault(
            target,
            frozen=_freeze(chance, target, outlasting=kills >= _MANY_KILLS) if chance.random() < 0.25 else None,
            choice=chance.random(),
            delay=chance.uniform(0.0, _LONGEST_DELAY_SECONDS),
            overlaps=chance.random() < 0.3,
        )
        for target in targets[:kills]
    ]


def _freeze(chance: random.Random, target: Target, *, outlasting: bool) -> float:
    seconds = chance.uniform(0.5, _LONGEST_FREEZE_SECONDS)
    return _OUTLASTING[target] if outlasting and target in _OUTLASTING and chance.random() < 0.5 else seconds
