"""The actor that connects a job's driver and its ranks. Ranks poll it, so they need not listen on a port."""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass

__all__ = ["Call", "Failure", "Mailbox"]


@dataclass(frozen=True)
class Call:
    """A function to run in all ranks.

    Attributes:
        number: The call's number in the job, from 1.
        function: The pickled function.
    """

    number: int
    function: bytes


@dataclass(frozen=True)
class Failure:
    """An error that the function raised in a rank.

    Attributes:
        rank: The rank.
        trace: The traceback.
    """

    rank: int
    trace: str


class Mailbox:
    """Holds one call at a time and its answers.

    Args:
        token: The job's secret, which every method checks.
        world_size: Number of ranks.
    """

    def __init__(self, token: str, world_size: int) -> None:
        self._token = token
        self._size = world_size
        self._addresses: dict[int, str] = {}
        self._call: Call | None = None
        self._answers: dict[int, bytes] = {}
        self._failure: Failure | None = None
        self._ended = False
        self._changed = asyncio.Condition()

    async def join(self, token: str, rank: int, address: str) -> None:
        """Register a rank and the address of its node."""
        self._check(token, rank)
        async with self._changed:
            if rank in self._addresses:
                raise ValueError(f"This rank has already joined: {rank}")
            self._addresses[rank] = address
            self._changed.notify_all()

    async def await_ranks(self, token: str) -> list[str] | None:
        """Wait for all ranks; return the addresses of their nodes, or ``None`` if the job ended before."""
        self._check(token)
        async with self._changed:
            await self._changed.wait_for(lambda: self._ended or len(self._addresses) == self._size)
            return None if self._ended else [self._addresses[rank] for rank in range(self._size)]

    async def next(self, token: str, rank: int, after: int) -> Call | None:
        """Wait for the call that follows the call ``after``; ``None``: the job has ended."""
        self._check(token, rank)
        async with self._changed:
            await self._changed.wait_for(lambda: self._ended or (self._call is not None and self._call.number > after))
            return None if self._ended else self._call

    async def call(self, token: str, function: bytes) -> list[bytes] | Failure | None:
        """Run a function in all ranks; return their answers, the first failure, or ``None`` if the job ended."""
        self._check(token)
        async with self._changed:
            self._call = Call(1 if self._call is None else self._call.number + 1, function)
            self._answers, self._failure = {}, None
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._ended or self._find_outcome() is not None)
            return self._find_outcome()

    def _find_outcome(self) -> list[bytes] | Failure | None:
        """Return the first failure or all answers of the call; ``None``: some ranks have not answered."""
        if self._failure is not None:
            return self._failure
        return [self._answers[rank] for rank in range(self._size)] if len(self._answers) == self._size else None

    async def answer(self, token: str, rank: int, number: int, answer: bytes | Failure) -> None:
        """Record a rank's answer to a call."""
        self._check(token, rank)
        async with self._changed:
            if self._call is None or number != self._call.number:
                return  # the driver has abandoned that call
            if isinstance(answer, Failure):
                self._failure = self._failure or answer
            else:
                self._answers[rank] = answer
            self._changed.notify_all()

    async def end(self, token: str) -> None:
        """End the job: every waiting method returns."""
        self._check(token)
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def await_end(self, token: str) -> None:
        """Wait until the job has ended."""
        self._check(token)
        async with self._changed:
            await self._changed.wait_for(lambda: self._ended)

    def _check(self, token: str, rank: int = 0) -> None:
        if not hmac.compare_digest(token, self._token):
            raise PermissionError("The token does not belong to this MPI job")
        if not 0 <= rank < self._size:
            raise ValueError(f"The rank must be from 0 to {self._size - 1}; got: {rank}")
