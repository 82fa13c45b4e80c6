"""Answers read requests of Spark's tasks for parts of Ray's blocks, on the node of the task."""

from __future__ import annotations

import bisect
import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import ray

from raydp._exchange.types.columns import to_canonical_columns, to_struct_arrays
from raydp._native import ExchangeError as NativeError
from raydp._ray.failures import reason_of
from raydp._ray.internals import arrow_table
from raydp.errors import ExchangeError, RaydpError

if TYPE_CHECKING:
    import pyarrow as pa
    from ray import ObjectRef

    from raydp._native import AgentServer, ReadRequest

__all__ = ["BlockReader"]

_logger = logging.getLogger(__name__)
# A block that was read in part is released when no request came for so long.
_IDLE_SECONDS = 5.0


@dataclass(frozen=True)
class _Served:
    refs: list[ObjectRef[Any]]
    schema: pa.Schema


@dataclass(frozen=True)
class _Key:
    dataset: int
    block: int
    columns: tuple[int, ...]


@dataclass
class _OpenBlock:
    """Requested columns of one block, in pieces. It pins the block in Ray's store."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    pieces: list[pa.StructArray] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)  # the row after the last one of each piece
    last_used: float = 0.0

    @property
    def rows(self) -> int:
        return self.ends[-1]


class BlockReader:
    """A pool of threads between the native server's queue of requests and Ray's store.

    Args:
        server: Where requests come from; closing it ends the threads.
        threads: Number of threads, and so of blocks that are read at the same time.
        fetch_seconds: How long to wait for Ray to bring a block to this node.
    """

    def __init__(self, server: AgentServer, *, threads: int, fetch_seconds: float) -> None:
        self._server = server
        self._fetch_seconds = fetch_seconds
        self._most_open_blocks = 2 * threads
        self._lock = threading.Lock()
        self._served: dict[int, _Served] = {}
        self._open_blocks: OrderedDict[_Key, _OpenBlock] = OrderedDict()
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name=f"raydp-read-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def serve(self, dataset: int, refs: list[ObjectRef[Any]], schema: pa.Schema) -> None:
        """Answer requests for these blocks, in a canonical schema, until :meth:`forget`."""
        with self._lock:
            self._served[dataset] = _Served(refs, schema)

    def forget(self, dataset: int) -> None:
        """Drop the references to a Dataset's blocks; an unknown id is no error."""
        with self._lock:
            self._served.pop(dataset, None)
            for key in [key for key in self._open_blocks if key.dataset == dataset]:
                del self._open_blocks[key]

    def counters(self) -> dict[str, int]:
        """Return the number of served Datasets and of open blocks."""
        with self._lock:
            return {"datasets": len(self._served), "open_blocks": len(self._open_blocks)}

    def close(self, timeout: float) -> None:
        """Release everything and wait for the threads. Close the server first.

        Args:
            timeout: Seconds to wait for all threads together.
        """
        self._closed.set()
        with self._lock:
            self._served.clear()
            self._open_blocks.clear()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while not self._closed.is_set():
            request = self._server.next_read(_IDLE_SECONDS)
            if request is None:
                self._drop_idle()
            else:
                self._answer(request)

    def _answer(self, request: ReadRequest) -> None:
        try:
            self._reply(request)
        except NativeError as error:
            # The task has ended, or its request is invalid.
            self._fail(request, f"{error}")
        except RaydpError as error:
            self._fail(request, f"{type(error).__name__}: {error}")
        except ray.exceptions.RayError as error:
            self._fail(
                request,
                f"Ray could not bring a block of the Dataset to this node. Was a node lost, has the Dataset's owner "
                f"ended, or is Ray slow to spill and restore (raise spark.raydp.exchange.timeout)? Block "
                f"{request.block} of Dataset {request.dataset}: {reason_of(error)}",
            )
        except Exception as error:  # a task that waits for its answer must get one in any case
            _logger.exception("Block %d of Dataset %d could not be read", request.block, request.dataset)
            self._fail(request, f"A block could not be read; the agent's log has more: {type(error).__name__}: {error}")

    def _fail(self, request: ReadRequest, message: str) -> None:
        try:
            request.fail(message)
        except NativeError as error:
            _logger.info("A reader has ended and could not be sent %r: %s", message, error)

    def _reply(self, request: ReadRequest) -> None:
        key = _Key(request.dataset, request.block, tuple(request.columns))
        opened = self._open(key)
        start = request.from_row
        index = min(bisect.bisect_right(opened.ends, start), len(opened.pieces) - 1)
        piece = opened.pieces[index]
        offset = min(start - (opened.ends[index] - len(piece)), len(piece))
        sent = request.reply(piece, offset, opened.rows)
        if start + sent >= opened.rows:
            with self._lock:
                self._open_blocks.pop(key, None)

    def _open(self, key: _Key) -> _OpenBlock:
        with self._lock:
            served = self._served.get(key.dataset)
            if served is None:
                raise ExchangeError(
                    f"The blocks of a Dataset were released while Spark still read them; was stop_spark called? "
                    f"Dataset {key.dataset}"
                )
            opened = self._open_blocks.setdefault(key, _OpenBlock())
            opened.last_used = time.monotonic()
            self._open_blocks.move_to_end(key)
            while len(self._open_blocks) > self._most_open_blocks:
                self._open_blocks.popitem(last=False)
        with opened.lock:
            if not opened.pieces:
                self._load(opened, served, key)
        return opened

    def _load(self, opened: _OpenBlock, served: _Served, key: _Key) -> None:
        if not 0 <= key.block < len(served.refs) or any(not 0 <= c < len(served.schema) for c in key.columns):
            raise ExchangeError(
                f"A task asked for a block or a column that the Dataset does not have: block {key.block} of "
                f"{len(served.refs)}, columns {list(key.columns)} of {len(served.schema)}"
            )
        table = arrow_table(ray.get(served.refs[key.block], timeout=self._fetch_seconds))
        fields = [served.schema.field(index) for index in key.columns]
        pieces = to_struct_arrays(
            to_canonical_columns(table, fields), [wanted.name for wanted in fields], table.num_rows
        )
        opened.ends = list(accumulate(len(piece) for piece in pieces))
        opened.pieces = pieces

    def _drop_idle(self) -> None:
        limit = time.monotonic() - _IDLE_SECONDS
        with self._lock:
            for key in [key for key, opened in self._open_blocks.items() if opened.last_used < limit]:
                del self._open_blocks[key]
