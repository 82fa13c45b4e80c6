"""The actor through which a job's driver and its ranks talk. Ranks come to it; nothing listens in them."""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass

__all__ = ["Call", "Failure", "Mailbox"]


@dataclass(frozen=True)
class Call:
    """A function to be run in all ranks.

    Attributes:
        number: Calls are numbered from 1.
        function: It, pickled.
    """

    number: int
    function: bytes


@dataclass(frozen=True)
class Failure:
    """What went wrong in a rank.

    Attributes:
        rank: Number of the rank.
        trace: The traceback.
    """

    rank: int
    trace: str


class Mailbox:
    """Holds one call at a time and its answers.

    Args:
        token: Secret of the job; every method wants it.
        world_size: Number of ranks.
    """

    def __init__(self, token: str, world_size: int) -> None:
        self._token = token
        self._size = world_size
        self._addresses: dict[int, str] = {}
        self._call: Call | None = None
        self._answers: dict[int, bytes] = {}
        self._failure: Failure | None = None
        self._over = False
        self._changed = asyncio.Condition()

    async def join(self, token: str, rank: int, address: str) -> None:
        """A rank is there."""
        self._check(token, rank)
        async with self._changed:
            if rank in self._addresses:
                raise ValueError(f"A rank of this number is there already: {rank}")
            self._addresses[rank] = address
            self._changed.notify_all()

    async def joined(self, token: str) -> list[str] | None:
        """Wait for all ranks; return their nodes' addresses, or ``None`` when the job ended instead."""
        self._check(token)
        async with self._changed:
            await self._changed.wait_for(lambda: self._over or len(self._addresses) == self._size)
            return None if self._over else [self._addresses[rank] for rank in range(self._size)]

    async def next(self, token: str, rank: int, after: int) -> Call | None:
        """Wait for the call behind one; ``None``: the job has ended."""
        self._check(token, rank)
        async with self._changed:
            await self._changed.wait_for(lambda: self._over or (self._call is not None and self._call.number > after))
            return None if self._over else self._call

    async def call(self, token: str, function: bytes) -> list[bytes] | Failure | None:
        """Run a function in all ranks; return their answers, the first failure, or ``None`` when the job ended."""
        self._check(token)
        async with self._changed:
            self._call = Call(1 if self._call is None else self._call.number + 1, function)
            self._answers, self._failure = {}, None
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._over or self._outcome() is not None)
            return self._outcome()

    def _outcome(self) -> list[bytes] | Failure | None:
        """Return what has become of the call; ``None``: it has not ended."""
        if self._failure is not None:
            return self._failure
        return [self._answers[rank] for rank in range(self._size)] if len(self._answers) == self._size else None

    async def answer(self, token: str, rank: int, number: int, answer: bytes | Failure) -> None:
        """A rank has run a call."""
        self._check(token, rank)
        async with self._changed:
            if self._call is None or number != self._call.number:
                return  # the driver has given that call up
            if isinstance(answer, Failure):
                self._failure = self._failure or answer
            else:
                self._answers[rank] = answer
            self._changed.notify_all()

    async def end(self, token: str) -> None:
        """Let everybody who waits know that the job has ended."""
        self._check(token)
        async with self._changed:
            self._over = True
            self._changed.notify_all()

    async def ended(self, token: str) -> None:
        """Wait for the job's end."""
        self._check(token)
        async with self._changed:
            await self._changed.wait_for(lambda: self._over)

    def _check(self, token: str, rank: int = 0) -> None:
        if not hmac.compare_digest(token, self._token):
            raise PermissionError("The token is not that of this MPI job")
        if not 0 <= rank < self._size:
            raise ValueError(f"There are {self._size} ranks, from 0; got: {rank}")
