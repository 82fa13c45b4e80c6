"""The exchange agent: one Ray actor of 0 CPU on each node that has executors.

It connects the node's executors, through a Unix socket and shared memory (the native server), with Ray's object store.
It stores blocks as returns of a streaming method. The *caller* of that method, the Python driver, owns them, so they
outlive this actor and the executors.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray

from raydp._exchange.agent.block_reader import BlockReader
from raydp._exchange.agent.recompute_requests import RecomputedBlock, RecomputeRequests
from raydp._machine.socket_folder import prepare_socket, remove_folder
from raydp._native import AgentServer
from raydp._native import ExchangeError as NativeError
from raydp._ray.internals import arrow_table, session_directory, without_placeholder
from raydp._ray.session_folder import close_session
from raydp.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ray import ObjectRef

    from raydp._exchange.types.tensor_columns import Shape, TensorConverter

__all__ = [
    "AGENT_LOST",
    "AGENT_METHOD_GROUPS",
    "AgentNode",
    "AgentReplacedError",
    "BlockDescription",
    "ExchangeAgent",
    "StoredBlocks",
]

# Threads of the actor per kind of call: a control call never waits for a conversion.
AGENT_METHOD_GROUPS = {"control": 4, "streams": 32, "descriptions": 2, "lifetime": 2}
_READ_THREADS = 4
# Bounds one native call. The agent waits for the next block as long as Spark's job runs.
_WAIT_SECONDS = 60.0
_CLOSE_SECONDS = 5.0


class AgentReplacedError(ExchangeError):
    """A call reached a process that Ray started in place of a lost one."""


# What a call to an agent raises if its process was lost, whether or not Ray has replaced it.
AGENT_LOST = (ray.exceptions.RayActorError, AgentReplacedError)


@dataclass(frozen=True)
class AgentNode:
    """Where an agent runs: Ray node id (hex) and process id."""

    node_id: str
    pid: int


@dataclass(frozen=True)
class StoredBlocks:
    """How many blocks of an export an agent stored, and the shapes of their tensor columns by name."""

    count: int
    shapes: dict[str, Shape]


@dataclass(frozen=True)
class BlockDescription:
    """One block of a Dataset: Arrow schema (not canonical), rows and bytes."""

    schema: pa.Schema
    rows: int
    size: int

    @classmethod
    def of(cls, block: object) -> BlockDescription:
        """Describe a block, an Arrow table or a pandas DataFrame."""
        table = arrow_table(block)
        return cls(without_placeholder(table.schema.remove_metadata()), table.num_rows, table.nbytes)


@dataclass(frozen=True)
class _OpenAgent:
    """What an agent has once it listens."""

    server: AgentServer
    reader: BlockReader


class ExchangeAgent:
    """The actor class; see the module's description.

    The directory opens its first process. If that process is lost, Ray starts another one, possibly on another node,
    that only yields recomputed blocks of former exports.

    Executors find it only after :meth:`publish`. Until then its socket has another name, because it does not know the
    running conversions yet.

    Args:
        socket_path: Where executors look for the socket. The agent creates its folder, private to this user.
        token: Token of the application, 32 bytes.
        application: Id of the application.
        fetch_seconds: How long to wait for Ray to bring a block to this node.
    """

    def __init__(self, socket_path: str, token: bytes, application: str, fetch_seconds: float) -> None:
        self._path = self._hidden = Path(socket_path)
        self._token, self._application, self._fetch_seconds = token, application, fetch_seconds
        self._open: _OpenAgent | None = None
        self._begun: set[int] = set()
        self._tensors: dict[int, TensorConverter] = {}
        self._stored: Counter[int] = Counter()
        self._recompute_requests = RecomputeRequests()
        self._ended = threading.Event()

    @ray.method(concurrency_group="control")
    def open(self, node_id: str) -> AgentNode:
        """Start to listen, if this is the node that the agent was created for. Returns where the agent runs."""
        here = AgentNode(ray.get_runtime_context().get_node_id(), os.getpid())
        if here.node_id == node_id:
            close_session(Path(session_directory()))  # this process's Ray has opened it to everyone again
            self._path = prepare_socket(self._path, self._token)
            self._hidden = self._path.with_suffix(f".{os.getpid()}")
            server = AgentServer(os.fspath(self._hidden), self._token, self._application)
            self._open = _OpenAgent(
                server, BlockReader(server, threads=_READ_THREADS, fetch_seconds=self._fetch_seconds)
            )
        return here

    @ray.method(concurrency_group="control")
    def publish(self) -> None:
        """Let executors find this agent."""
        self._require_open()
        self._hidden.replace(self._path)

    @ray.method(concurrency_group="control")
    def begin(self, export_id: int, schema: pa.Schema, tensors: TensorConverter | None = None) -> None:
        """Accept blocks of an export from now on, and convert some of their columns to tensor columns."""
        if tensors is not None:
            self._tensors[export_id] = tensors
        self._require_open().server.open_export(export_id, schema)
        self._begun.add(export_id)

    @ray.method(concurrency_group="streams", num_returns="streaming")
    def stream(self, export_id: int) -> Iterator[pa.Table | None]:
        """Yield the blocks of an export as they arrive. Their tasks know their positions in this stream.

        If blocks were lost and Ray calls it again, it yields the same blocks, which Spark recomputes, and ``None`` in
        place of those that nothing refers to.
        """
        if export_id not in self._begun:
            yield from self._recompute_requests.blocks(export_id)
            return
        self._begun.discard(export_id)
        tensors = self._tensors.get(export_id)
        while (block := self._next_block(export_id)) is not None:
            # Ray copies the table into its store before this resumes, so the segment is free then.
            yield _to_table(block, tensors)
            block.ack()
            self._stored[export_id] += 1

    @ray.method(concurrency_group="lifetime", max_task_retries=-1)
    def await_recompute_request(self) -> int | None:
        """Wait until Ray calls the stream of an export again, and return the export's id; ``None`` after the end.

        The driver then calls :meth:`answer_recompute_request`.
        """
        return self._recompute_requests.await_request()

    @ray.method(concurrency_group="control")
    def answer_recompute_request(self, export_id: int, answer: list[RecomputedBlock] | str) -> None:
        """Deliver recomputed blocks of an export, in the order of the stream, or the reason why there are none."""
        self._recompute_requests.answer(export_id, answer)

    @ray.method(concurrency_group="control")
    def finish(self, export_id: int) -> None:
        """End the stream of an export after the blocks that have arrived; an unknown id is no error."""
        self._require_open().server.finish_export(export_id)

    @ray.method(concurrency_group="control")
    def collect_stored(self, export_id: int) -> StoredBlocks:
        """Return, once, what was stored of an export whose stream has ended."""
        self._require_open()
        tensors = self._tensors.pop(export_id, None)
        return StoredBlocks(self._stored.pop(export_id, 0), {} if tensors is None else tensors.shapes)

    @ray.method(concurrency_group="control")
    def abort(self, export_id: int, reason: str) -> None:
        """End the stream of an export now, and send its tasks the reason; an unknown id is no error."""
        self._begun.discard(export_id)
        self._tensors.pop(export_id, None)
        self._stored.pop(export_id, None)
        self._require_open().server.abort_export(export_id, reason)

    @ray.method(concurrency_group="control")
    def serve(self, dataset: int, refs: list[ObjectRef[Any]], schema: pa.Schema) -> None:
        """Let tasks read these blocks, in the canonical schema, until :meth:`forget`."""
        self._require_open().reader.serve(dataset, refs, schema)

    @ray.method(concurrency_group="control")
    def forget(self, dataset: int) -> None:
        """Drop the references to a Dataset's blocks; an unknown id is no error."""
        self._require_open().reader.forget(dataset)

    @ray.method(concurrency_group="descriptions")
    def describe(self, refs: list[ObjectRef[Any]]) -> list[BlockDescription]:
        """Read blocks and describe them."""
        return [BlockDescription.of(ray.get(ref)) for ref in refs]

    @ray.method(concurrency_group="control")
    def counters(self) -> dict[str, int]:
        """Return what this agent holds. All but ``connections`` are zero if nothing runs."""
        open_ = self._require_open()
        segments, segment_bytes = open_.server.segments()
        return {
            "connections": open_.server.connections(),
            "segments": segments,
            "segment_bytes": segment_bytes,
            **open_.reader.counters(),
        }

    @ray.method(concurrency_group="control")
    def process_id(self) -> int:
        """Return the id of this process: a sign of life."""
        return os.getpid()

    @ray.method(concurrency_group="lifetime")
    def await_end(self) -> None:
        """Return when the agent is closed. The caller's reference fails if it dies."""
        self._ended.wait()

    @ray.method(concurrency_group="control")
    def close(self) -> None:
        """Disconnect all executors and remove the socket. Idempotent."""
        if self._open is not None:
            self._open.server.close()
            self._open.reader.close(_CLOSE_SECONDS)
            self._hidden.unlink(missing_ok=True)
            self._path.unlink(missing_ok=True)
            remove_folder(self._path, self._token)
        self._recompute_requests.close()
        self._ended.set()

    def _require_open(self) -> _OpenAgent:
        if self._open is None:
            raise AgentReplacedError(
                "This process of an exchange agent replaced one that was lost, and accepts no new work"
            )
        return self._open

    def _next_block(self, export_id: int) -> Any:
        while True:
            try:
                return self._require_open().server.next_block(export_id, _WAIT_SECONDS)
            except NativeError as error:
                if error.code == "cancelled":
                    return None
                if error.code != "timeout":
                    raise


def _to_table(block: Any, tensors: TensorConverter | None) -> pa.Table:
    table = pa.Table.from_batches([pa.record_batch(block)])
    return table if tensors is None else tensors.convert(table)
