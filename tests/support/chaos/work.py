"""Threads that run one job after another for as long as faults are made, and compare each result."""

from __future__ import annotations

import random
import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.chaos.jobs import Jobs

__all__ = ["Work"]


@dataclass
class Tally:
    """What became of the jobs.

    Attributes:
        right: Jobs with the result of the undisturbed run.
        wrong: Those with another result, with both.
        lost: Those that raised, with the traceback.
    """

    right: int = 0
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


class Work:
    """Runs jobs in threads of its own.

    Args:
        jobs: The job mix.
        seed: Decides about their order.
        threads: How many jobs run at once.
    """

    def __init__(self, jobs: Jobs, seed: int, *, threads: int) -> None:
        self.tally = Tally()
        self._jobs = jobs.by_name
        self._expected = {name: job() for name, job in self._jobs.items()}
        self._over = threading.Event()
        self._changed = threading.Condition()
        self._running: dict[int, str] = {}
        self._begun = 0
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(f"{seed}/{number}"),), name=f"work-{number}")
            for number in range(threads)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def running(self) -> dict[int, str]:
        """Return the jobs that run now: their names by their numbers."""
        with self._changed:
            return dict(self._running)

    def await_end(self, jobs: set[int], timeout: float) -> bool:
        """Wait until jobs have ended, in whatever way; return whether they have."""
        with self._changed:
            return self._changed.wait_for(lambda: not jobs & set(self._running), timeout)

    def finish(self, timeout: float) -> None:
        """Let running jobs end and begin no others; one that does not end in time counts as lost."""
        self._over.set()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.tally.lost += [f"{name}: did not end within {timeout:.0f} s" for name in self.running().values()]

    def _run(self, chance: random.Random) -> None:
        while not self._over.is_set():
            name = chance.choice(sorted(self._jobs))
            with self._changed:
                number = self._begun = self._begun + 1
                self._running[number] = name
            try:
                result = self._jobs[name]()
            except Exception:  # whatever it is, it is what the run looks for
                self.tally.lost.append(f"{name}: {traceback.format_exc()}")
                print(f"lost: {self.tally.lost[-1]}", flush=True)
            else:
                if result == self._expected[name]:
                    self.tally.right += 1
                else:
                    self.tally.wrong.append(f"{name}: {result} instead of {self._expected[name]}")
                    print(f"wrong: {self.tally.wrong[-1]}", flush=True)
            with self._changed:
                del self._running[number]
                self._changed.notify_all()
