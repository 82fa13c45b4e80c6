"""The exchange agent in a real Ray cluster; the executor's end is the native test client."""

from __future__ import annotations

import os
import socket
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import ray

from raydp._native import ExchangeError as NativeError
from raydp.errors import ExchangeError
from support.agents import Recorder, TestApplication, application, write
from support.datasets import eventually, settled_store_bytes, store_bytes_used

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raydp._exchange.driver.directory import Agent

TABLE = pa.table({"n": pa.array(range(1000), pa.int64()), "s": [f"text {i}" for i in range(1000)]})
SEGMENT_BYTES = 1 << 20


@pytest.fixture
def app(ray_cluster: Any) -> Iterator[TestApplication]:
    with application() as created:
        yield created


def test_blocks_go_to_the_caller_and_outlive_the_agent(app: TestApplication) -> None:
    agent = app.agent()
    ray.get(agent.handle.begin.remote(1, TABLE.schema))
    stream = agent.handle.stream.remote(1)
    client = app.connect()
    segment = client.create_segment(SEGMENT_BYTES)
    # The same segment is filled again and again: each block must have been copied before its acknowledgement.
    for index in range(5):
        assert write(client, segment, 1, TABLE.slice(100 * index, 100)) == index
    ray.get(agent.handle.finish.remote(1))
    refs = list(stream)
    assert len(refs) == 5
    ray.kill(agent.handle)
    assert eventually(lambda: app.directory.agents() and app.directory.agents()[0] is not agent)
    assert pa.concat_tables(ray.get(refs)).equals(TABLE.slice(0, 500))


def test_large_blocks_are_readable_after_the_agent_died_and_freed_with_their_reference(app: TestApplication) -> None:
    agent = app.agent()
    large = pa.table({"n": pa.array(range(4 << 20), pa.int64())})
    ray.get(agent.handle.begin.remote(1, large.schema))
    stream = agent.handle.stream.remote(1)
    client = app.connect()
    before = settled_store_bytes()
    write(client, client.create_segment(large.nbytes + 4096), 1, large)
    ray.get(agent.handle.finish.remote(1))
    (ref,) = list(stream)
    ray.kill(agent.handle)
    assert ray.get(ref).equals(large)
    assert eventually(lambda: store_bytes_used() - before > 0.9 * large.nbytes)
    del ref, stream
    assert eventually(lambda: store_bytes_used() - before < 0.1 * large.nbytes)


def test_an_aborted_conversion_ends_its_stream_and_tells_the_writer(app: TestApplication) -> None:
    agent = app.agent()
    ray.get(agent.handle.begin.remote(1, TABLE.schema))
    stream = agent.handle.stream.remote(1)
    client = app.connect()
    segment = client.create_segment(SEGMENT_BYTES)
    write(client, segment, 1, TABLE)
    ray.get(agent.handle.abort.remote(1, "no more needed"))
    assert len(list(stream)) == 1
    with pytest.raises(NativeError, match="no more needed"):
        write(client, segment, 1, TABLE)


def test_slices_of_a_block_come_in_the_canonical_schema(app: TestApplication) -> None:
    agent = app.agent()
    found = pa.table({"u": pa.array(range(300), pa.uint16()), "s": ["x"] * 300})
    canonical = pa.schema([("u", pa.int32()), ("s", pa.string())])
    ray.get(agent.handle.serve.remote(7, [ray.put(found)], canonical))
    client = app.connect()
    segment = client.create_segment(4096)
    rows = 0
    while rows < 300:
        client.request_read(segment, 7, 0, rows, 100, [0])
        _, grow, first, count, total, _, nodes = client.await_read(20.0)
        assert (grow, first, total) == (False, rows, 300)
        assert 0 < count <= 100
        start = nodes[5]  # length, null count, number of buffers, validity's offset and size, values' offset
        values = memoryview(client.memory(segment))[start : start + 4 * count].cast("i")
        assert list(values) == list(range(rows, rows + count))
        rows += count
    # The agent lets go of the block after it has answered.
    assert eventually(lambda: agent_counters(app)["open_blocks"] == 0)


def test_a_segment_too_small_for_one_row_is_asked_to_grow(app: TestApplication) -> None:
    agent = app.agent()
    table = pa.table({"s": ["x" * 100_000]})
    ray.get(agent.handle.serve.remote(1, [ray.put(table)], table.schema))
    client = app.connect()
    client.request_read(client.create_segment(4096), 1, 0, 0, 10, [0])
    _, grow, *_, needed, _ = client.await_read(20.0)
    assert grow
    assert needed >= 100_000
    client.request_read(client.create_segment(needed), 1, 0, 0, 10, [0])
    assert client.await_read(20.0)[1:5] == (False, 0, 1, 1)


def test_no_columns_and_no_rows_are_answered(app: TestApplication) -> None:
    agent = app.agent()
    ray.get(agent.handle.serve.remote(1, [ray.put(TABLE), ray.put(TABLE.slice(0, 0))], TABLE.schema))
    client = app.connect()
    segment = client.create_segment(4096)
    client.request_read(segment, 1, 0, 0, 1 << 40, [])
    assert client.await_read(20.0)[1:5] == (False, 0, 1000, 1000)
    client.request_read(segment, 1, 1, 0, 100, [0, 1])
    assert client.await_read(20.0)[1:5] == (False, 0, 0, 0)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ((9, 0, [0]), "The blocks of a Dataset were released"),
        ((1, 5, [0]), "a block or a column that the Dataset does not have"),
        ((1, 0, [0, 44]), "a block or a column that the Dataset does not have"),
        ((2, 0, [0]), "DataLossError: .*column 'n', type uint64.*for example 18446744073709551615"),
        ((3, 0, [0]), "Ray could not bring a block.*Task failed for the test"),
    ],
)
def test_failed_reads_say_why(app: TestApplication, request_: tuple[int, int, list[int]], message: str) -> None:
    @ray.remote(num_cpus=0, max_retries=0)
    def fail() -> None:
        raise ValueError("Task failed for the test")

    agent = app.agent()
    schema = pa.schema([("n", pa.int64())])
    ray.get(agent.handle.serve.remote(1, [ray.put(TABLE)], TABLE.schema))
    too_large = pa.table({"n": pa.array([2**64 - 1], pa.uint64())})
    ray.get(agent.handle.serve.remote(2, [ray.put(too_large)], schema))
    ray.get(agent.handle.serve.remote(3, [fail.remote()], schema))
    dataset, block, columns = request_
    client = app.connect()
    client.request_read(client.create_segment(4096), dataset, block, 0, 10, columns)
    with pytest.raises(NativeError, match=message) as failure:
        client.await_read(20.0)
    assert failure.value.code == "remote_failed"


def test_forgotten_datasets_are_freed(app: TestApplication) -> None:
    agent = app.agent()
    before = settled_store_bytes()
    ref = ray.put(pa.table({"n": pa.array(range(4 << 20), pa.int64())}))
    ray.get(agent.handle.serve.remote(1, [ref], pa.schema([("n", pa.int64())])))
    client = app.connect()
    client.request_read(client.create_segment(4096), 1, 0, 0, 10, [0])  # leaves the block open in the agent
    assert client.await_read(20.0)[3] == 10
    del ref
    assert eventually(lambda: store_bytes_used() - before > 30e6)
    ray.get(agent.handle.forget.remote(1))
    assert eventually(lambda: store_bytes_used() - before < 3e6)
    assert agent_counters(app)["datasets"] == 0


def test_strangers_are_refused(app: TestApplication) -> None:
    app.agent()
    with pytest.raises(NativeError) as failure:
        app.connect(token=b"\0" * 32)
    assert failure.value.code == "unauthorized"
    folder = Path(app.socket()).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


def test_participants_meet_every_agent_once_and_learn_of_deaths(app: TestApplication) -> None:
    first, second = Recorder(), Recorder()
    app.directory.join(first)
    app.directory.join(second)
    (agent,) = first.joined
    assert second.joined == [agent]
    ray.kill(agent.handle)
    assert eventually(lambda: len(first.joined) == 2 == len(second.joined))
    assert first.lost == [agent] == second.lost
    app.connect()


def restarted(agent: Agent) -> Agent:
    """Have Ray put another process in the place of an agent's, before the directory takes note."""
    agent.ending.set()
    before = ray.get(agent.handle.process_id.remote())
    ray.kill(agent.handle, no_restart=False)

    def is_another() -> bool:
        try:
            return bool(ray.get(agent.handle.process_id.remote(), timeout=60) != before)
        except ray.exceptions.RayActorError:
            return False

    assert eventually(is_another)
    return agent


def test_participants_meet_the_successor_of_an_agent_that_ray_has_restarted(app: TestApplication) -> None:
    class Caller(Recorder):
        def agent_joined(self, agent: Agent) -> None:
            ray.get(agent.handle.begin.remote(1, TABLE.schema), timeout=60)
            super().agent_joined(agent)

    lost, caller = restarted(app.agent()), Caller()
    app.directory.join(caller)
    (agent,) = caller.joined
    assert agent is not lost
    assert app.directory.agents() == [agent]
    app.connect()


def test_an_agent_that_is_lost_on_its_way_up_is_started_once_more(app: TestApplication) -> None:
    class Killer(Recorder):
        def agent_joined(self, agent: Agent) -> None:
            super().agent_joined(agent)
            if len(self.joined) == 1:
                restarted(agent)

    nodes, app.nodes = app.nodes, []
    killer = Killer()
    app.directory.join(killer)
    app.nodes = nodes
    app.directory.refresh()
    assert app.directory.agents() == killer.joined[1:]
    app.connect()


def test_agents_follow_the_executors(app: TestApplication) -> None:
    (node,) = app.nodes
    app.nodes = []
    recorder = Recorder()
    app.directory.join(recorder)
    assert recorder.joined == []
    app.nodes = [node]
    app.directory.refresh()
    assert [agent.node for agent in recorder.joined] == [node]
    app.connect()
    path = Path(app.socket())
    app.nodes = []
    app.changed.release()
    assert eventually(lambda: app.directory.agents() == [])
    assert eventually(lambda: not path.exists())
    app.nodes = [node]
    app.changed.release()
    assert eventually(lambda: len(recorder.joined) == 2)


def test_agents_stay_on_nodes_without_executors_while_a_conversion_needs_them(app: TestApplication) -> None:
    conversion = Recorder(needs_idle_agents=True)
    app.directory.join(conversion)
    app.nodes = []
    app.directory.refresh()
    assert [agent.node for agent in app.directory.agents()] == [conversion.joined[0].node]
    app.directory.leave(conversion)
    app.directory.refresh()
    assert app.directory.agents() == []


def test_closing_leaves_nothing_behind(ray_cluster: Any) -> None:
    with application() as app:
        agent = app.agent()
        client = app.connect()
        client.create_segment(SEGMENT_BYTES)
        # The client gives its segment away without waiting for an answer.
        assert eventually(lambda: agent_counters(app)["segments"] == 1)
        path = Path(app.socket())
        assert path.is_socket()
        process = Path(f"/proc/{ray.get(agent.handle.process_id.remote())}")
        assert process.exists()
    assert not path.parent.exists()
    # Ray ends an actor's process some time after the call returned that asks for it.
    assert eventually(lambda: not process.exists())
    with pytest.raises(ray.exceptions.RayActorError):
        ray.get(agent.handle.counters.remote(), timeout=60)
    with pytest.raises(ExchangeError, match="The application has ended"):
        app.directory.refresh()


def test_sockets_of_killed_applications_are_swept(app: TestApplication) -> None:
    base = app.directory.folder.parent
    dead, alive = base / "raydp-test-dead", base / "raydp-test-alive"
    base.mkdir(mode=0o700, exist_ok=True)
    for folder in (dead, alive):
        folder.mkdir(mode=0o700, exist_ok=True)
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(folder / "left.sock"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(alive / "alive.sock"))
        listener.listen()
        old = time.time() - 3600
        for folder in (dead, alive):
            os.utime(folder, (old, old))
        app.agent()
        assert not dead.exists()
        assert [path.name for path in alive.iterdir()] == ["alive.sock"]
    (alive / "alive.sock").unlink()
    alive.rmdir()


def agent_counters(app: TestApplication) -> dict[str, int]:
    (counters,) = app.directory.counters()
    return counters
