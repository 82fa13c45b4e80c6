"""The exchange agent: one Ray actor of 0 CPU on each node that has executors.

It joins two worlds: executors of the node, connected through a Unix socket and shared memory (the native
server), and Ray's object store. What it hands to the store are returns of a streaming method, so that the
*caller*, the Python driver, owns the blocks: they outlive this actor and the executors.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray

from raydp._exchange.agent.block_reader import BlockReader
from raydp._exchange.agent.rebuilds import LostBlock, Rebuilds
from raydp._native import AgentServer
from raydp._native import ExchangeError as NativeError
from raydp._ray.internals import arrow_table
from raydp.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ray import ObjectRef

    from raydp._exchange.types.tensor_columns import Shape, TensorTables

__all__ = [
    "AGENT_LOST",
    "AGENT_METHOD_GROUPS",
    "AgentNode",
    "AgentReplacedError",
    "BlockDescription",
    "ExchangeAgent",
    "Stored",
]

# Threads of the actor per kind of call, so that conversions at work never keep a control call waiting.
AGENT_METHOD_GROUPS = {"control": 4, "streams": 32, "lifetime": 2}
_READ_THREADS = 4
# A wait for the next block is as long as a Spark stage; this only bounds one native call.
_WAIT_SECONDS = 60.0
_CLOSE_SECONDS = 5.0
# Younger sockets may belong to an application that is just starting.
_SWEEP_AGE_SECONDS = 60.0


class AgentReplacedError(ExchangeError):
    """A call reached the process that Ray started in place of one that was lost."""


# What a call to an agent raises whose process was lost, whether or not Ray has put another one in its place.
AGENT_LOST = (ray.exceptions.RayActorError, AgentReplacedError)


@dataclass(frozen=True)
class AgentNode:
    """Where an agent runs: Ray's node id (hex) and its process id."""

    node_id: str
    pid: int


@dataclass(frozen=True)
class Stored:
    """How many blocks of a conversion an agent stored, and the shapes of their tensor columns by name."""

    blocks: int
    shapes: dict[str, Shape]


@dataclass(frozen=True)
class BlockDescription:
    """What one block of a Dataset looks like: Arrow schema (as found), rows and bytes."""

    schema: pa.Schema
    rows: int
    size: int

    @classmethod
    def of(cls, block: object) -> BlockDescription:
        """Describe a block, Arrow table or pandas frame."""
        table = arrow_table(block)
        return cls(table.schema.remove_metadata(), table.num_rows, table.nbytes)


class ExchangeAgent:
    """The actor class; see the module's description.

    A process of it starts with nothing. The directory opens the first one; when that is lost, Ray starts another, maybe
    on another node, which only yields the blocks of former conversions that Ray asks for again.

    It is reachable for executors only after :meth:`publish`: until then the socket has another name, so
    that no task finds an agent which does not know yet what is going on.

    Args:
        socket_path: Where executors look for the socket; its folder is made, private to this user.
        token: Secret of the application, 32 bytes.
        application: Id of the application.
        timeout: Seconds that Ray may take to bring a block to this node.
    """

    def __init__(self, socket_path: str, token: bytes, application: str, timeout: float) -> None:
        self._path = Path(socket_path)
        self._hidden = self._path.with_suffix(f".{os.getpid()}")
        self._token, self._application, self._timeout = token, application, timeout
        self._server: AgentServer | None = None
        self._reader: BlockReader | None = None
        self._begun: set[int] = set()
        self._tensors: dict[int, TensorTables] = {}
        self._stored: Counter[int] = Counter()
        self._rebuilds = Rebuilds()
        self._ended = threading.Event()

    @ray.method(concurrency_group="control")
    def open(self, node_id: str) -> AgentNode:
        """Begin to listen, if this is the node that the agent was meant for; return where it is."""
        here = AgentNode(ray.get_runtime_context().get_node_id(), os.getpid())
        if here.node_id == node_id:
            _make_private(self._path.parent.parent)
            _remove_dead_applications(self._path.parent.parent, keep=self._path.parent.name)
            _make_private(self._path.parent)
            self._server = AgentServer(os.fspath(self._hidden), self._token, self._application)
            self._reader = BlockReader(self._server, threads=_READ_THREADS, timeout=self._timeout)
        return here

    @ray.method(concurrency_group="control")
    def publish(self) -> None:
        """Let executors find this agent."""
        self._opened()
        self._hidden.replace(self._path)

    @ray.method(concurrency_group="control")
    def begin(self, conversion: int, schema: pa.Schema, tensors: TensorTables | None = None) -> None:
        """Accept blocks of a conversion from now on, and make tensor columns of some of theirs."""
        if tensors is not None:
            self._tensors[conversion] = tensors
        self._opened()[0].open_export(conversion, schema)
        self._begun.add(conversion)

    @ray.method(concurrency_group="streams", num_returns="streaming")
    def stream(self, conversion: int) -> Iterator[pa.Table | None]:
        """Yield the blocks of a conversion as they come; the place in this stream is what their tasks were told.

        When Ray calls it once more, because blocks were lost, it yields the same blocks as Spark makes them again,
        and ``None`` in the place of those that nobody needs.
        """
        if conversion not in self._begun:
            yield from self._rebuilds.blocks(conversion)
            return
        self._begun.discard(conversion)
        tensors = self._tensors.get(conversion)
        while (block := self._next_block(conversion)) is not None:
            # Ray copies the table into its store before this resumes: then the segment is free again.
            yield _table_of(block, tensors)
            block.ack()
            self._stored[conversion] += 1

    @ray.method(concurrency_group="lifetime", max_task_retries=-1)
    def await_rebuild(self) -> int | None:
        """Return a conversion whose stream Ray calls once more and that waits for :meth:`rebuilt`; ``None``: ended."""
        return self._rebuilds.await_asked()

    @ray.method(concurrency_group="control")
    def rebuilt(self, conversion: int, answer: list[LostBlock] | str) -> None:
        """Give blocks of a conversion that were made again, in the order of the stream, or the reason why not."""
        self._rebuilds.answer(conversion, answer)

    @ray.method(concurrency_group="control")
    def finish(self, conversion: int) -> None:
        """End the stream of a conversion after the blocks that have come; unknown ones are no error."""
        self._opened()[0].finish_export(conversion)

    @ray.method(concurrency_group="control")
    def stored(self, conversion: int) -> Stored:
        """Return what became of a conversion whose stream has ended, once."""
        self._opened()
        tensors = self._tensors.pop(conversion, None)
        return Stored(self._stored.pop(conversion, 0), {} if tensors is None else tensors.shapes)

    @ray.method(concurrency_group="control")
    def abort(self, conversion: int, reason: str) -> None:
        """End the stream of a conversion now and tell the tasks why; unknown ones are no error."""
        self._tensors.pop(conversion, None)
        self._stored.pop(conversion, None)
        self._opened()[0].abort_export(conversion, reason)

    @ray.method(concurrency_group="control")
    def serve(self, dataset: int, refs: list[ObjectRef[Any]], schema: pa.Schema) -> None:
        """Let tasks read these blocks, as the canonical schema, until :meth:`forget`."""
        self._opened()[1].serve(dataset, refs, schema)

    @ray.method(concurrency_group="control")
    def forget(self, dataset: int) -> None:
        """Drop the references to a Dataset's blocks; unknown ones are no error."""
        self._opened()[1].forget(dataset)

    @ray.method(concurrency_group="control")
    def describe(self, refs: list[ObjectRef[Any]]) -> list[BlockDescription]:
        """Look at blocks whose schema nobody knows."""
        return [BlockDescription.of(ray.get(ref)) for ref in refs]

    @ray.method(concurrency_group="control")
    def counters(self) -> dict[str, int]:
        """Return what this agent holds; all zero (but connections) when nothing is going on."""
        server, reader = self._opened()
        segments, segment_bytes = server.segments()
        return {
            "connections": server.connections(),
            "segments": segments,
            "segment_bytes": segment_bytes,
            **reader.counters(),
        }

    @ray.method(concurrency_group="control")
    def process(self) -> int:
        """Return the id of this process, for diagnosis."""
        return os.getpid()

    @ray.method(concurrency_group="lifetime")
    def lifetime(self) -> None:
        """Return when the agent was closed; the caller's reference fails when it died."""
        self._ended.wait()

    @ray.method(concurrency_group="control")
    def close(self) -> None:
        """Disconnect everybody and remove the socket; may be called more than once."""
        if self._server is not None and self._reader is not None:
            self._server.close()
            self._reader.close(_CLOSE_SECONDS)
            self._hidden.unlink(missing_ok=True)
            self._path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # another node's agent, on this same machine, still uses the folder
                self._path.parent.rmdir()
        self._rebuilds.close()
        self._ended.set()

    def _opened(self) -> tuple[AgentServer, BlockReader]:
        if self._server is None or self._reader is None:
            raise AgentReplacedError(
                "This process of an exchange agent replaced one that was lost, and takes no new work"
            )
        return self._server, self._reader

    def _next_block(self, conversion: int) -> Any:
        while True:
            try:
                return self._opened()[0].next_block(conversion, _WAIT_SECONDS)
            except NativeError as error:
                if error.code == "cancelled":
                    return None
                if error.code != "timeout":
                    raise


def _table_of(block: Any, tensors: TensorTables | None) -> pa.Table:
    table = pa.Table.from_batches([pa.record_batch(block)])
    return table if tensors is None else tensors.table(table)


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ExchangeError(
            f"The folder for the exchange's sockets is not private to this user. Remove it, or set TMPDIR to a "
            f"folder of your own before Spark starts: {folder}, owner {found.st_uid}, mode {found.st_mode & 0o777:o}"
        )


def _remove_dead_applications(base: Path, *, keep: str) -> None:
    """Remove the sockets of applications that were killed: nobody listens on them any more."""
    limit = time.time() - _SWEEP_AGE_SECONDS
    for folder in base.iterdir():
        if folder.name == keep or not folder.is_dir() or folder.stat().st_mtime > limit:
            continue
        for path in folder.iterdir():
            if path.is_socket() and not _is_alive(path):
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty: somebody lives there
            folder.rmdir()


def _is_alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:  # busy, or not ours to judge
            return True
    return True
