"""The native agent with the native client that executors use, without Ray, Spark or a JVM."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydp import _native
from support import native_client
from support.datasets import eventually
from support.foreign_data import Blocks, blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = bytes(range(32))
WAIT = 20.0
SEGMENT_BYTES = 1 << 20
SEND_TWO_BLOCKS = Path(__file__).parent / "send_two_blocks.py"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[_native.AgentServer]:
    created = _native.AgentServer(str(tmp_path / "app" / "node.sock"), TOKEN, "app")
    yield created
    created.close()
    assert created.connections() == 0
    assert created.segments() == (0, 0)


@pytest.fixture
def connect(server: _native.AgentServer, tmp_path: Path) -> Callable[..., Any]:
    return lambda token=TOKEN, application="app": native_client.connect(
        str(tmp_path / "app" / "node.sock"), token, application, WAIT
    )


@pytest.fixture
def pair(connect: Callable[..., Any]) -> Callable[[], tuple[Any, int]]:
    """Return a function that gives a connected client and an id that was not used before."""
    client = connect()
    ids = itertools.count(1)
    return lambda: (client, next(ids))


def import_batch(block: Any) -> pa.RecordBatch:
    batch = pa.record_batch(block)
    batch.validate(full=True)
    return batch


def plain(array: pa.Array) -> list[Any]:
    """List an array's values with as little of Arrow as possible: numbers, times and NaNs bit by bit."""
    type_, valid = array.type, array.is_valid().to_pylist()
    if pa.types.is_list(type_) or pa.types.is_map(type_):
        ends = array.offsets.to_pylist()
        items = (
            plain(array.values)
            if pa.types.is_list(type_)
            else list(zip(plain(array.keys), plain(array.items), strict=True))
        )
        found: list[Any] = [items[start:end] for start, end in itertools.pairwise(ends)]
    elif pa.types.is_struct(type_):
        found = list(zip(*[plain(array.field(i)) for i in range(type_.num_fields)], strict=True))
    elif pa.types.is_floating(type_) or pa.types.is_temporal(type_):
        found = array.view(pa.int64() if type_.bit_width == 64 else pa.int32()).to_pylist()
    else:
        found = array.to_pylist()
    return [value if ok else None for value, ok in zip(found, valid, strict=True)]


def columns_of(batch: pa.RecordBatch) -> list[list[Any]]:
    return [plain(column) for column in batch.columns]


def read_batch(schema: pa.Schema, nodes: list[int], memory: memoryview) -> pa.RecordBatch:
    """Read a batch from a segment, based only on the definition of the wire format."""
    numbers = iter(nodes)

    def array(type_: pa.DataType) -> pa.Array:
        length, nulls, count = next(numbers), next(numbers), next(numbers)
        ranges = [(next(numbers), next(numbers)) for _ in range(count)]
        buffers = [None if at == -1 else pa.py_buffer(memory[at : at + size]) for at, size in ranges]
        assert all(at == -1 or at % 64 == 0 for at, _ in ranges)
        if pa.types.is_null(type_):
            return pa.nulls(length)
        if pa.types.is_map(type_):
            entries = array(pa.struct([type_.key_field, type_.item_field]))
            return pa.Array.from_buffers(type_, length, buffers, nulls, children=[entries])
        children = [array(type_.field(i).type) for i in range(type_.num_fields)]
        return pa.Array.from_buffers(type_, length, buffers, nulls, children=children)

    columns = [array(field.type) for field in schema]
    assert next(numbers, None) is None
    batch = pa.RecordBatch.from_arrays(columns, schema=schema)
    batch.validate(full=True)
    return batch


@given(data=blocks())
def test_any_batch_reaches_the_agent(pair: Callable[[], tuple[Any, int]], server: Any, data: Blocks) -> None:
    client, export_id = pair()
    server.open_export(export_id, data.schema)
    segment = client.create_segment(SEGMENT_BYTES)
    places = itertools.count()
    for table in data.tables:
        for batch in table.to_batches():
            nodes = client.write_batch(segment, batch)
            client.send_block(segment, export_id, batch.num_rows, nodes)
            block = server.next_block(export_id, WAIT)
            assert (block.rows, block.export_id) == (batch.num_rows, export_id)
            arrived = import_batch(block)
            assert arrived.schema.equals(batch.schema, check_metadata=True)
            assert columns_of(arrived) == columns_of(batch)
            assert client.await_accepted(WAIT) == (segment, next(places))
            block.ack()
            assert client.await_ack(WAIT) == segment
            del arrived, block
    client.drop_segment(segment)
    server.finish_export(export_id)
    assert server.next_block(export_id, WAIT) is None


@given(data=blocks(max_blocks=1), cut=st.data())
def test_any_rows_reach_the_executor(
    pair: Callable[[], tuple[Any, int]], server: Any, data: Blocks, cut: st.DataObject
) -> None:
    client, dataset = pair()
    table = data.tables[0].combine_chunks()
    batch = (table.to_batches() or [pa.RecordBatch.from_pylist([], schema=data.schema)])[0]
    size = cut.draw(st.sampled_from([64, 256, 1024, SEGMENT_BYTES]))
    most = cut.draw(st.integers(1, 12))
    row = cut.draw(st.integers(0, batch.num_rows))
    expected = columns_of(batch.slice(row))
    segment = client.create_segment(size)
    arrived: list[list[Any]] = [[] for _ in batch.columns]
    columns = list(range(batch.num_columns))
    while True:
        client.request_read(segment, dataset, 3, row, most, columns)
        request = server.next_read(WAIT)
        assert (request.dataset, request.block, request.columns) == (dataset, 3, columns)
        assert (request.from_row, request.max_rows) == (row, most)
        sent = request.reply(batch, row, batch.num_rows)
        _, grow, from_row, rows, total, needed, nodes = client.await_read(WAIT)
        assert rows == sent
        if grow:
            assert needed > size
            client.drop_segment(segment)
            size = needed
            segment = client.create_segment(size)
            continue
        assert (from_row, total) == (row, batch.num_rows)
        assert rows > 0 or row == batch.num_rows
        piece = read_batch(batch.schema, nodes, client.memory(segment))
        assert piece.num_rows == rows
        arrived = [[*before, *more] for before, more in zip(arrived, columns_of(piece), strict=True)]
        del piece
        row += rows
        if row == batch.num_rows:
            break
    client.drop_segment(segment)
    assert arrived == expected


def test_a_batch_without_columns_still_has_rows(pair: Callable[[], tuple[Any, int]], server: Any) -> None:
    client, dataset = pair()
    client.request_read(client.create_segment(64), dataset, 0, 2, 5, [])
    assert server.next_read(WAIT).reply(pa.table({"x": range(9)}).select([]).to_struct_array().chunk(0), 2, 9) == 5
    assert client.await_read(WAIT)[3] == 5


def test_imported_data_outlives_its_connection(server: Any, connect: Callable[..., Any]) -> None:
    batch = pa.record_batch({"n": range(1000), "s": [str(i) for i in range(1000)]})
    server.open_export(1, batch.schema)
    client = connect()
    segment = client.create_segment(SEGMENT_BYTES)
    client.send_block(segment, 1, 1000, client.write_batch(segment, batch))
    imported = pa.record_batch(server.next_block(1, WAIT))
    del client
    assert eventually(lambda: server.connections() == 0)
    assert imported.equals(batch)
    assert server.segments() == (1, SEGMENT_BYTES)
    column = imported.column(1)
    del imported
    assert server.segments() == (1, SEGMENT_BYTES)
    del column
    assert server.segments() == (0, 0)


def test_a_killed_executor_leaves_nothing_behind(server: Any, tmp_path: Path) -> None:
    batch = pa.record_batch({"n": range(10)})
    server.open_export(1, batch.schema)
    child = subprocess.Popen([sys.executable, SEND_TWO_BLOCKS, str(tmp_path / "app" / "node.sock")])
    try:
        first = server.next_block(1, 60.0)
        second = server.next_block(1, 60.0)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait(WAIT)
    assert eventually(lambda: server.connections() == 0)
    # Blocks that were accepted before the kill can still be stored.
    assert [pa.record_batch(block).column(0).to_pylist() for block in (first, second)] == [[0], [0, 1]]
    first.ack()
    del first, second
    assert server.segments() == (0, 0)


@pytest.mark.parametrize(
    ("token", "application"), [(bytes(32), "app"), (TOKEN, "other"), (TOKEN, "")], ids=["token", "other", "empty"]
)
def test_strangers_are_refused_and_logged(
    connect: Callable[..., Any], token: bytes, application: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(_native.ExchangeError, match="refused") as caught:
        connect(token, application)
    assert caught.value.code == "unauthorized"
    assert f"pid {os.getpid()}, uid {os.geteuid()}" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("position", "value"),
    [(0, -1), (0, 1 << 50), (1, 11), (2, 3), (5, 8), (5, 1 << 40), (5, -2), (6, 1 << 62), (6, 79)],
    ids=["negative", "long", "nulls", "buffers", "unaligned", "outside", "wrapping", "huge", "short"],
)
def test_descriptions_that_leave_the_segment_end_the_connection(
    server: Any, connect: Callable[..., Any], position: int, value: int, capfd: pytest.CaptureFixture[str]
) -> None:
    batch = pa.record_batch({"numbers": pa.array(range(10), pa.int64())})
    server.open_export(1, batch.schema)
    client = connect()
    segment = client.create_segment(4096)
    nodes = client.write_batch(segment, batch)
    assert nodes == [10, 0, 2, -1, 0, 0, 80]
    nodes[position] = value
    client.send_block(segment, 1, 10, nodes if position != 2 else [*nodes, 0, 0])
    with pytest.raises(_native.ExchangeError) as caught:
        client.await_accepted(WAIT)
    assert caught.value.code == "protocol"
    assert eventually(lambda: server.connections() == 0)
    assert "column numbers" in capfd.readouterr().err


def test_text_whose_offsets_lie_is_refused(server: Any, connect: Callable[..., Any]) -> None:
    batch = pa.record_batch({"text": ["abc", "de", "f"]})
    server.open_export(1, batch.schema)
    client = connect()
    segment = client.create_segment(4096)
    nodes = client.write_batch(segment, batch)
    client.memory(segment)[nodes[5] + 4 : nodes[5] + 8] = (1000).to_bytes(4, "little")
    client.send_block(segment, 1, 3, nodes)
    with pytest.raises(_native.ExchangeError, match="text") as caught:
        client.await_accepted(WAIT)
    assert caught.value.code == "protocol"


def test_cancel_wakes_a_waiting_writer(server: Any, connect: Callable[..., Any]) -> None:
    batch = pa.record_batch({"n": [1]})
    server.open_export(1, batch.schema)
    client = connect()
    segment = client.create_segment(4096)
    client.send_block(segment, 1, 1, client.write_batch(segment, batch))
    client.await_accepted(WAIT)
    codes: list[str] = []

    def wait() -> None:
        with pytest.raises(_native.ExchangeError) as caught:
            client.await_ack(WAIT)
        codes.append(caught.value.code)

    waiting = threading.Thread(target=wait)
    waiting.start()
    client.disconnect()
    waiting.join(WAIT)
    assert codes == ["cancelled"]


def test_closing_wakes_python_threads_and_is_idempotent(server: Any) -> None:
    server.open_export(1, pa.schema([("n", pa.int64())]))
    results: list[object] = []

    def consume() -> None:
        with pytest.raises(_native.ExchangeError) as caught:
            server.next_block(1, WAIT)
        results.append(caught.value.code)

    threads = [
        threading.Thread(target=consume),
        threading.Thread(target=lambda: results.append(server.next_read(WAIT))),
    ]
    for thread in threads:
        thread.start()
    server.close()
    server.close()
    for thread in threads:
        thread.join(WAIT)
    assert sorted(map(str, results)) == ["None", "cancelled"]


def test_misuse_has_a_code(server: Any, pair: Callable[[], tuple[Any, int]], tmp_path: Path) -> None:
    client, export_id = pair()
    server.open_export(export_id, pa.schema([("n", pa.int64())]))
    segment = client.create_segment(4096)

    def raises(code: str, call: Callable[[], object]) -> None:
        with pytest.raises(_native.ExchangeError) as caught:
            call()
        assert caught.value.code == code

    raises("invalid_argument", lambda: server.open_export(export_id, pa.schema([("n", pa.int64())])))
    raises("invalid_argument", lambda: server.open_export(99, pa.schema([("n", pa.time64("us"))])))
    raises("invalid_argument", lambda: server.next_block(98, 0.0))
    raises("invalid_argument", lambda: client.await_accepted(0.0))
    raises("invalid_argument", lambda: client.drop_segment(segment + 1))
    raises("invalid_argument", lambda: client.create_segment(0))
    raises("invalid_argument", lambda: _native.AgentServer(str(tmp_path / "s"), b"short", "app"))
    raises("invalid_argument", lambda: _native.AgentServer(str(tmp_path / ("x" * 200)), TOKEN, "app"))
    raises("connection_refused", lambda: native_client.connect(str(tmp_path / "nobody"), TOKEN, "app"))
    with pytest.raises(AttributeError):
        server.open_export(97, "not a schema")


def test_error_codes_are_the_same_in_every_language() -> None:
    native = _native.ERROR_CODES
    assert list(native.values()) == list(range(len(native)))
    source = Path(__file__).parents[2] / "jvm/src/main/java/io/raydp/exchange/ExchangeErrorCode.java"
    body = re.search(r"enum ExchangeErrorCode \{(.*?);", source.read_text(), re.DOTALL)
    assert body is not None
    java = re.sub(r"/\*.*?\*/", "", body[1], flags=re.DOTALL).replace(",", " ").split()
    assert [name.lower() for name in java] == list(native)
    stub = (Path(_native.__file__).parent / "_native.pyi").read_text()
    literal = re.search(r"ErrorCode: TypeAlias = Literal\[(.*?)\]", stub, re.DOTALL)
    assert literal is not None
    assert re.findall(r'"(\w+)"', literal[1]) == list(native)
