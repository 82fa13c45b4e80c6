"""An exchange agent without Spark: the executor's end is the native test client."""

from __future__ import annotations

import contextlib
import itertools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray

from raydp._exchange.driver.directory import Agent, AgentDirectory
from raydp._exchange.waits import ExchangeWaits
from support import native_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

__all__ = ["Recorder", "TestApplication", "application", "write"]

_numbers = itertools.count()


@dataclass
class Recorder:
    """A participant that writes down whom it met."""

    joined: list[Agent] = field(default_factory=list)
    lost: list[Agent] = field(default_factory=list)
    needs_idle_agents: bool = False

    def needs(self, agent: Agent) -> bool:
        return self.needs_idle_agents and agent in self.joined

    def agent_joined(self, agent: Agent) -> None:
        self.joined.append(agent)

    def agent_lost(self, agent: Agent) -> None:
        self.lost.append(agent)


class TestApplication:
    """An application whose executors are threads of the test."""

    __test__ = False

    def __init__(self) -> None:
        self.nodes: list[str] = [ray.get_runtime_context().get_node_id()]
        self.changed = threading.Semaphore(0)
        self.ended = False
        self.name = f"raydp-test-{next(_numbers)}"
        self.directory = AgentDirectory(
            self.name,
            host=self,
            waits=ExchangeWaits.of_settings({"spark.raydp.exchange.timeout": "20"}),
            can_call_ray=ray.is_initialized,
        )

    def executor_nodes(self) -> list[str]:
        """Return the nodes that have executors, for the directory."""
        return self.nodes

    def hosts_without_node(self) -> None:
        pass

    def hosts_by_node(self) -> dict[str, list[str]]:
        """Return the nodes' machines, for the directory."""
        return {node: ["localhost"] for node in self.nodes}

    def await_change(self, timeout: float) -> None:
        """Wait until a test releases ``changed``, for the directory."""
        self.changed.acquire(timeout=timeout)
        if self.ended:
            raise ConnectionError("the application has ended")

    def agent(self) -> Agent:
        """Return the one agent, started if needed."""
        self.directory.refresh()
        (agent,) = self.directory.agents()
        return agent

    def socket(self) -> str:
        """Return where executors look for it."""
        return str(self.directory.folder / f"{self.nodes[0][:16]}.sock")

    def connect(self, token: bytes | None = None) -> Any:
        """Connect as an executor does."""
        return native_client.connect(self.socket(), token or self.directory.token, self.name)

    def close(self) -> None:
        self.ended = True
        self.changed.release()
        self.directory.close()


@contextlib.contextmanager
def application() -> Iterator[TestApplication]:
    """An application that is ended behind the test."""
    created = TestApplication()
    try:
        yield created
    finally:
        created.close()


def write(client: Any, segment: int, export_id: int, table: pa.Table) -> int:
    """Send one block as an executor does, wait until it is stored, and return its place in the agent's stream."""
    (batch,) = table.combine_chunks().to_batches()
    nodes = client.write_batch(segment, batch.to_struct_array())
    client.send_block(segment, export_id, batch.num_rows, nodes)
    accepted, index = client.await_accepted(20.0)
    assert client.await_ack(20.0) == accepted == segment
    return index
