"""Answers the requests of Spark's tasks for parts of Ray's blocks, on the node of the task."""

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

from raydp._exchange.types.columns import canonical_columns, struct_arrays
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
# How often an idle thread looks whether blocks that were read in part can be let go, seconds.
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
class _Opened:
    """Requested columns of one block, in pieces; pins the block in Ray's store while it lives."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    pieces: list[pa.StructArray] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)  # row after the last one of each piece
    used: float = 0.0

    @property
    def rows(self) -> int:
        return self.ends[-1]


class BlockReader:
    """A pool of threads between the native server's queue of requests and Ray's store.

    Args:
        server: Where requests come from; closing it ends the threads.
        threads: Number of threads, that is, of blocks which are read at the same time.
        timeout: Seconds that Ray may take to bring a block to this node.
    """

    def __init__(self, server: AgentServer, *, threads: int, timeout: float) -> None:
        self._server = server
        self._timeout = timeout
        self._most_opened = 2 * threads
        self._lock = threading.Lock()
        self._served: dict[int, _Served] = {}
        self._opened: OrderedDict[_Key, _Opened] = OrderedDict()
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name=f"raydp-read-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def serve(self, dataset: int, refs: list[ObjectRef[Any]], schema: pa.Schema) -> None:
        """Answer requests for these blocks, cast to a canonical schema, until :meth:`forget`."""
        with self._lock:
            self._served[dataset] = _Served(refs, schema)

    def forget(self, dataset: int) -> None:
        """Drop the references to a Dataset's blocks; unknown ones are no error."""
        with self._lock:
            self._served.pop(dataset, None)
            for key in [key for key in self._opened if key.dataset == dataset]:
                del self._opened[key]

    def counters(self) -> dict[str, int]:
        """Return how many Datasets are served and how many blocks are open."""
        with self._lock:
            return {"datasets": len(self._served), "open_blocks": len(self._opened)}

    def close(self, timeout: float) -> None:
        """Let go of everything and wait for the threads; to be called after the server was closed.

        Args:
            timeout: Seconds to wait for all threads together.
        """
        self._closed.set()
        with self._lock:
            self._served.clear()
            self._opened.clear()
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
            # The task at the other end is gone, or what it sent cannot be answered.
            self._fail(request, f"{error}")
        except RaydpError as error:
            self._fail(request, f"{type(error).__name__}: {error}")
        except ray.exceptions.RayError as error:
            self._fail(
                request,
                f"Ray could not bring a block of the Dataset to this node; was a node lost or the Dataset's owner "
                f"ended? Block {request.block} of Dataset {request.dataset}: {reason_of(error)}",
            )
        except Exception as error:  # a task that waits for its answer must get one, whatever went wrong
            _logger.exception("Block %d of Dataset %d could not be read", request.block, request.dataset)
            self._fail(request, f"A block could not be read; the agent's log has more: {type(error).__name__}: {error}")

    def _fail(self, request: ReadRequest, message: str) -> None:
        try:
            request.fail(message)
        except NativeError as error:
            _logger.info("A reader went away before it could be told %r: %s", message, error)

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
                self._opened.pop(key, None)

    def _open(self, key: _Key) -> _Opened:
        with self._lock:
            served = self._served.get(key.dataset)
            if served is None:
                raise ExchangeError(
                    f"The blocks of a Dataset were released while Spark still read them; was stop_spark called? "
                    f"Dataset {key.dataset}"
                )
            opened = self._opened.setdefault(key, _Opened())
            opened.used = time.monotonic()
            self._opened.move_to_end(key)
            while len(self._opened) > self._most_opened:
                self._opened.popitem(last=False)
        with opened.lock:
            if not opened.pieces:
                self._load(opened, served, key)
        return opened

    def _load(self, opened: _Opened, served: _Served, key: _Key) -> None:
        if not 0 <= key.block < len(served.refs) or any(not 0 <= c < len(served.schema) for c in key.columns):
            raise ExchangeError(
                f"A task asked for a block or a column that the Dataset does not have: block {key.block} of "
                f"{len(served.refs)}, columns {list(key.columns)} of {len(served.schema)}"
            )
        table = arrow_table(ray.get(served.refs[key.block], timeout=self._timeout))
        fields = [served.schema.field(index) for index in key.columns]
        pieces = struct_arrays(canonical_columns(table, fields), [wanted.name for wanted in fields], table.num_rows)
        opened.ends = list(accumulate(len(piece) for piece in pieces))
        opened.pieces = pieces

    def _drop_idle(self) -> None:
        limit = time.monotonic() - _IDLE_SECONDS
        with self._lock:
            for key in [key for key, opened in self._opened.items() if opened.used < limit]:
                del self._opened[key]
