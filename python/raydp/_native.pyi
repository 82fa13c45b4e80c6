"""The exchange agent's end of the shared-memory exchange (C++, ``native/bindings/python_module.cc``).

Calls that wait or copy release the GIL. Several threads may use every object at once.
Errors of the native core are :class:`ExchangeError`; its ``code`` names the kind.
"""

from typing import Final, Literal, Protocol, TypeAlias

__version__: Final[str]

ErrorCode: TypeAlias = Literal[
    "invalid_argument",
    "connection_refused",
    "unauthorized",
    "connection_closed",
    "timeout",
    "protocol",
    "out_of_memory",
    "io",
    "cancelled",
    "remote_failed",
    "grow",
]

#: The name and the number of every error code. The JVM and the protocol use the numbers.
ERROR_CODES: Final[dict[ErrorCode, int]]

class _ArrowSchemaExporter(Protocol):
    def __arrow_c_schema__(self) -> object: ...

class _ArrowArrayExporter(Protocol):
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

class ExchangeError(RuntimeError):
    """A failure of the native core."""

    code: ErrorCode

class AgentServer:
    """Listens for the executors of one application on this node.

    It owns its listener and one receiving thread per connection. ``close`` and the destructor end them.
    """

    def __init__(self, path: str, token: bytes, application: str) -> None:
        """Listen at ``path`` for processes of this user that know the 32-byte ``token`` and ``application``.

        Missing directories are created with mode 0700, the socket with mode 0600. A stale socket file is replaced.

        Raises:
            ExchangeError: ``invalid_argument`` (the path is too long, another agent listens there, or the
                token has another length), ``unauthorized`` (others own the directory or can write to it), ``io``.
        """

    def open_export(self, export_id: int, schema: _ArrowSchemaExporter) -> None:
        """Accept blocks of an export. An export id is used once.

        Blocks that arrive up to 30 s earlier wait for this call.

        Raises:
            ExchangeError: ``invalid_argument`` (the export was opened before, or a type is not canonical).
        """

    def next_block(self, export_id: int, timeout: float) -> ExportedBlock | None:
        """Wait up to ``timeout`` seconds for a block; ``None`` after the last block of a finished export.

        Raises:
            ExchangeError: ``timeout``, ``cancelled`` (the export was aborted or the server closed),
                ``invalid_argument`` (the export was never opened).
        """

    def finish_export(self, export_id: int) -> None:
        """Fail blocks that arrive from now on. Queued blocks can still be taken.

        An export that was never opened counts as an export without blocks.
        """

    def abort_export(self, export_id: int, reason: str) -> None:
        """Fail every writer that waits for an answer, now or later, with ``reason``. Idempotent."""

    def next_read(self, timeout: float) -> ReadRequest | None:
        """Wait up to ``timeout`` seconds for a read request; ``None`` if none arrives, and after ``close``."""

    def connections(self) -> int:
        """Return the number of connected executors."""

    def segments(self) -> tuple[int, int]:
        """Return number and bytes of the mapped segments, including those that only an Arrow buffer holds."""

    def close(self) -> None:
        """Disconnect all executors, fail all waits, join all threads and remove the socket. Idempotent."""

class ExportedBlock:
    """A record batch in an executor's shared memory, and the acknowledgement that the executor waits for.

    If it is dropped without :meth:`ack`, the executor's task fails.
    """

    @property
    def rows(self) -> int: ...
    @property
    def export_id(self) -> int: ...
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Return the batch as a struct array, zero-copy (Arrow PyCapsule interface).

        Imported objects keep the memory mapped while they exist, but its *content* is stable only until
        :meth:`ack`.

        Raises:
            ExchangeError: ``invalid_argument`` after ``ack`` or an abort.
        """

    def ack(self) -> None:
        """Tell the executor that the block is stored and that it may reuse the memory.

        Does nothing the second time, after an abort, or if the executor is gone.
        """

class ReadRequest:
    """An executor's request for ``max_rows`` rows of some ``columns`` of a block, starting with ``from_row``.

    It may select only some fields of nested columns. If it is dropped without an answer, the executor's task fails.
    """

    @property
    def dataset(self) -> int: ...
    @property
    def block(self) -> int: ...
    @property
    def from_row(self) -> int: ...
    @property
    def max_rows(self) -> int: ...
    @property
    def columns(self) -> list[int]: ...
    def reply(self, batch: _ArrowArrayExporter, from_row_in_batch: int, total_rows: int) -> int:
        """Copy as many of the requested rows as fit into the executor's segment, and tell the executor.

        Of nested columns only the selected fields are copied.

        Args:
            batch: a record batch (or struct array) with exactly the requested columns, complete and in order.
            from_row_in_batch: the first row to send, counted in ``batch``.
            total_rows: the rows of the whole block, which tell the executor when it has all of them.

        Returns:
            The number of rows sent. 0 with rows left means that not even one fits: the executor was asked for
            a larger segment and will send a new request.

        Raises:
            ExchangeError: ``invalid_argument`` (a type that is not canonical, other columns, a row outside
                the batch, a damaged column, or a second answer), ``connection_closed`` (the executor is gone).
        """

    def fail(self, message: str) -> None:
        """Fail the executor's task with ``message``.

        Does nothing after another answer, or while :meth:`reply` copies.
        """
