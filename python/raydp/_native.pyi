"""The exchange agent's end of the shared-memory exchange (C++, ``native/bindings/python_module.cc``).

Calls that wait or copy do so without the GIL. All objects may be used by several threads at once.
Errors of the native core are :class:`ExchangeError`; its ``code`` says which kind.
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

#: Every error code's name with its number, which the JVM and the socket use.
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

    Owns its listener and one receiving thread per connection; ``close`` (or the destructor) ends them.
    """

    def __init__(self, path: str, token: bytes, application: str) -> None:
        """Listen at ``path``, for peers of this user that know the 32-byte ``token`` and ``application``.

        Missing directories are created with mode 0700, the socket with 0600; a stale socket file is replaced.

        Raises:
            ExchangeError: ``invalid_argument`` (path too long, another agent listens there, token of another
                length), ``unauthorized`` (the directory is not this user's alone), ``io``.
        """

    def open_export(self, conversion: int, schema: _ArrowSchemaExporter) -> None:
        """Accept blocks of a conversion. A conversion's number is used once.

        Blocks that come up to 30 s earlier wait for this call.

        Raises:
            ExchangeError: ``invalid_argument`` (opened before, or a type outside the exchange's canonical list).
        """

    def next_block(self, conversion: int, timeout: float) -> ExportedBlock | None:
        """Wait up to ``timeout`` seconds for a block; ``None`` once the conversion is finished and drained.

        Raises:
            ExchangeError: ``timeout``, ``cancelled`` (aborted, or the server was closed), ``invalid_argument``
                (never opened).
        """

    def finish_export(self, conversion: int) -> None:
        """Fail blocks that come from now on; those that are queued can still be taken.

        A conversion that was never opened counts as one without blocks.
        """

    def abort_export(self, conversion: int, reason: str) -> None:
        """Fail every writer that waits for an answer, now and later, with ``reason``. Idempotent."""

    def next_read(self, timeout: float) -> ReadRequest | None:
        """Wait up to ``timeout`` seconds for a read request; ``None`` when none came or after ``close``."""

    def connections(self) -> int:
        """Executors that are connected."""

    def segments(self) -> tuple[int, int]:
        """Number and bytes of the segments mapped here, with those that only an Arrow buffer still holds."""

    def close(self) -> None:
        """Disconnect everyone, fail what waits, join all threads, remove the socket. Idempotent."""

class ExportedBlock:
    """A record batch in an executor's shared memory, and the acknowledgement that the executor waits for.

    Dropped without :meth:`ack`, the executor's task fails.
    """

    @property
    def rows(self) -> int: ...
    @property
    def conversion(self) -> int: ...
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """The batch as a struct array, zero-copy (Arrow PyCapsule interface).

        What is imported keeps the memory mapped for as long as it lives, but its *content* is stable only
        until :meth:`ack`.

        Raises:
            ExchangeError: ``invalid_argument`` after ``ack`` or an abort.
        """

    def ack(self, stream: int, index: int) -> None:
        """Tell the executor where the block went and give it its memory back.

        Does nothing the second time, after an abort, or when the executor is gone.
        """

class ReadRequest:
    """An executor's wish for ``max_rows`` rows of a block, from ``from_row`` on, of some ``columns``.

    Of nested columns it may want some fields only.

    Dropped without an answer, the executor's task fails.
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
        """Copy rows into the executor's segment, as many as were asked for and fit, and tell it.

        Of nested columns only what was asked for is copied.

        Args:
            batch: a record batch (or struct array) of exactly the requested columns, whole, in their order.
            from_row_in_batch: the first row to send, counted in ``batch``.
            total_rows: rows of the whole block, for the executor to know when it has all.

        Returns:
            The number of rows sent. 0 with rows left means that not even one fits: the executor was asked for
            a larger segment and will come back with a new request.

        Raises:
            ExchangeError: ``invalid_argument`` (a type outside the canonical list, other columns, a row outside
                the batch, answered before), ``connection_closed`` (the executor is gone).
        """

    def fail(self, message: str) -> None:
        """Fail the executor's task with ``message``. Does nothing after another answer."""
