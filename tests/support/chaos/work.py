"""Threads that run one job after another for as long as faults are made, and compare each result."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.chaos.jobs import ON_DEMAND

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from support.chaos.jobs import Jobs

__all__ = ["Tally", "Work", "undisturbed"]


@dataclass
class Tally:
    """What became of the jobs.

    Attributes:
        right: Jobs with the result of the undisturbed run.
        refused: Those that raised an error which the documents promise for a fault, by its type.
        wrong: Those with another result, with both.
        lost: Those that raised another error, with the traceback, or that did not end.
    """

    right: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def undisturbed(jobs: Jobs) -> dict[str, Any]:
    """Run each job once, and return the results by the names of the jobs."""
    return {name: job() for name, job in jobs.by_name.items()}


class Work:
    """Runs jobs of one application in threads of its own.

    Args:
        jobs: The job mix.
        expected: The right results.
        tally: Where to count what becomes of the jobs.
        seed: Decides about their order.
        threads: How many jobs run at once.
    """

    def __init__(self, jobs: Jobs, expected: Mapping[str, Any], tally: Tally, *, seed: str, threads: int) -> None:
        self._jobs = jobs.by_name
        self._expected = expected
        self._tally = tally
        self._promised: tuple[type[Exception], ...] = ()
        self._without: frozenset[str] = frozenset()
        self._wanted: list[str] = []
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

    def expect(self, *errors: type[Exception]) -> None:
        """From now on, a job may end with one of these errors; without arguments, it must have the right result."""
        self._promised = errors

    def want(self, name: str) -> None:
        """Let a job of this name run now, or as the next one; no error if there is none of this name."""
        with self._changed:
            if name in self._jobs and name not in self._running.values() and name not in self._wanted:
                self._wanted.append(name)

    def running(self) -> dict[int, str]:
        """Return the jobs that run now: their names by their numbers."""
        with self._changed:
            return dict(self._running)

    def await_end(self, jobs: Collection[int], timeout: float) -> bool:
        """Wait until jobs have ended, in whatever way; return whether they have."""
        with self._changed:
            return self._changed.wait_for(lambda: not set(jobs) & set(self._running), timeout)

    def leave_out(self, names: frozenset[str], timeout: float) -> None:
        """Begin no jobs of some names any more, and wait until those that run have ended."""
        with self._changed:
            self._without = names
            self._wanted = []
        jobs = [number for number, name in self.running().items() if name in names]
        if not self.await_end(jobs, timeout):
            raise AssertionError(f"jobs did not end within {timeout:.0f} s: {self.running()}")

    def begin_no_more(self) -> None:
        """Let running jobs end and begin no others."""
        self._over.set()

    def finish(self, timeout: float) -> None:
        """Begin no more jobs, and wait for those that run; one that does not end in time counts as lost."""
        self.begin_no_more()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._tally.lost += [f"{name}: did not end within {timeout:.0f} s" for name in self.running().values()]

    def _run(self, chance: random.Random) -> None:
        while not self._over.is_set():
            with self._changed:
                name = self._wanted.pop() if self._wanted else self._choose(chance)
                number = self._begun = self._begun + 1
                self._running[number] = name
            self._do(name)
            with self._changed:
                del self._running[number]
                self._changed.notify_all()

    def _choose(self, chance: random.Random) -> str:
        return chance.choice(sorted(set(self._jobs) - self._without - ON_DEMAND - set(self._running.values())))

    def _do(self, name: str) -> None:
        try:
            result = self._jobs[name]()
        except Exception as error:  # whatever it is, it is what the run looks for
            if isinstance(error, self._promised):
                self._tally.refused[type(error).__name__] += 1
                return
            self._tally.lost.append(f"{name}: {traceback.format_exc()}")
            print(f"lost: {self._tally.lost[-1]}", flush=True)
        else:
            if result == self._expected[name]:
                self._tally.right += 1
            else:
                self._tally.wrong.append(f"{name}: {result} instead of {self._expected[name]}")
                print(f"wrong: {self._tally.wrong[-1]}", flush=True)
