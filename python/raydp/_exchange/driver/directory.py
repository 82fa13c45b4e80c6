"""Keeps one exchange agent on each node that has executors, while the application lives."""

from __future__ import annotations

import functools
import itertools
import logging
import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from raydp._exchange.agent.agent import AGENT_LOST, AGENT_METHOD_GROUPS, ExchangeAgent
from raydp._machine.socket_folder import application_folder
from raydp._ray.failures import reason_of
from raydp.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ray import ObjectRef

    from raydp._exchange.driver.exchange_host import ExchangeHost
    from raydp._exchange.waits import ExchangeWaits

__all__ = ["Agent", "AgentDirectory", "Participant"]

_logger = logging.getLogger(__name__)

_NODE_CHARACTERS = 16
_TOKEN_BYTES = 32
# One wait for a change of the executors; without a change, the agents are compared with the executors anyway.
_WATCH_SECONDS = 30.0
_RETRY_SECONDS = 0.5
# Attempts to start an agent whose process is lost while it starts.
_MOST_STARTS = 3


@dataclass(frozen=True)
class Agent:
    """One running agent.

    Attributes:
        node: Ray node id, hex.
        handle: The actor.
        ending: Set when the directory ends it. Its end is no failure then.
        pending_calls: Calls that return when it is closed. Ray logs a warning for a call that a kill interrupts.
        deaths: What Ray said of the death of its process, if it died.
    """

    node: str
    handle: Any
    ending: threading.Event = field(default_factory=threading.Event, compare=False)
    pending_calls: list[ObjectRef[Any]] = field(default_factory=list, compare=False)
    deaths: list[BaseException] = field(default_factory=list, compare=False)

    @property
    def key(self) -> str:
        """The name of the node in what the JVM reports."""
        return self.node[:_NODE_CHARACTERS]

    def answer(self, call: ObjectRef[Any], seconds: float) -> Any:
        """Return what the agent answers to a call.

        Raises:
            ExchangeError: It did not answer in time.
        """
        try:
            return ray.get(call, timeout=seconds)
        except ray.exceptions.GetTimeoutError:
            raise ExchangeError(
                "An exchange agent does not answer. Is its process stopped, or its node overloaded or cut off? Waited "
                f"{seconds:.0f} s, node {self.node}"
            ) from None


class Participant(Protocol):
    """Something that must know every agent, for example a running export, or the Datasets that Spark reads."""

    def needs(self, agent: Agent) -> bool:
        """Tell whether to keep an agent although its node has no executors, or its process was lost."""

    def agent_joined(self, agent: Agent) -> None:
        """Prepare an agent that no executor can find yet; called once per agent, in any thread."""

    def agent_lost(self, agent: Agent) -> None:
        """Note that an agent died; called once per agent, in any thread. Must not block."""


class AgentDirectory:
    """The agents of one application; owned by the driver, safe for any thread.

    Args:
        application: Id of the application.
        host: The application.
        waits: The bound of each wait.
        can_call_ray: Tells whether this process is still in the agents' cluster, and the cluster is not lost. Ray knows
            no agents of another one, and its functions raise a plain ``Exception`` for them.
    """

    def __init__(
        self,
        application: str,
        *,
        host: ExchangeHost,
        waits: ExchangeWaits,
        can_call_ray: Callable[[], bool],
    ) -> None:
        self.application = application
        self.token = secrets.token_bytes(_TOKEN_BYTES)
        self.folder = application_folder(application)
        self._host = host
        self._waits = waits
        self._can_call_ray = can_call_ray
        self._generations = itertools.count()
        # Guards the three below. Held while agents start, because each participant must meet each agent once.
        self._lock = threading.RLock()
        self._agents: dict[str, Agent] = {}
        self._participants: list[Participant] = []
        self._closed = threading.Event()
        self._watch: threading.Thread | None = None

    def agents(self) -> list[Agent]:
        """Return the running agents."""
        with self._lock:
            return list(self._agents.values())

    def counters(self) -> list[dict[str, int]]:
        """Return what each agent holds; see ``ExchangeAgent.counters``."""
        return ray.get([agent.handle.counters.remote() for agent in self.agents()], timeout=self._waits.control)

    def join(self, participant: Participant) -> None:
        """Bring the agents up to date, and let a participant meet all of them and all later ones.

        Raises:
            ExchangeError: An agent could not be started, or the application has ended.
        """
        with self._lock:
            self.refresh()
            # A copy, because agents that turn out to be dead are removed in the loop.
            for agent in list(self._agents.values()):
                self._introduce(agent, participant)
            self._participants.append(participant)

    def add(self, participant: Participant) -> None:
        """Let a participant meet the agents that start from now on; no error if it has joined already."""
        with self._lock:
            if participant not in self._participants:
                self._participants.append(participant)

    def leave(self, participant: Participant) -> None:
        """Forget a participant; an unknown one is no error."""
        with self._lock:
            if participant in self._participants:
                self._participants.remove(participant)

    def needs(self, agent: Agent) -> bool:
        """Tell whether a participant needs an agent."""
        with self._lock:
            return any(participant.needs(agent) for participant in self._participants)

    def refresh(self) -> None:
        """Start agents on nodes that have executors and no agent, and end agents on nodes without executors."""
        wanted = set(self._host.executor_nodes())
        with self._lock:
            if self._closed.is_set():
                raise ExchangeError(f"The application has ended: {self.application}")
            # An autoscaler does not remove a node that has an agent, even an idle one.
            unwanted = [agent for node, agent in self._agents.items() if node not in wanted and not self.needs(agent)]
            self.end([self._agents.pop(agent.node) for agent in unwanted])
            self._start(sorted(wanted - set(self._agents)))
            # Also without agents: executors may come later, during the conversion that asks for this.
            if self._watch is None:
                self._watch = threading.Thread(target=self._follow, name="raydp-exchange-nodes", daemon=True)
                self._watch.start()

    def close(self) -> None:
        """End all agents, within bounds. Idempotent."""
        with self._lock:
            self._closed.set()
            agents, self._agents = list(self._agents.values()), {}
            self._participants.clear()
        self.end(agents)

    def _start(self, nodes: list[str]) -> None:
        """Start agents, all at once, and publish each when all participants know it. Skips nodes that have ended."""
        # Ray detects the end of a node before Spark does.
        created = [Agent(node, self._create(node)) for node in nodes if _is_alive(node)]
        for agent in created:
            try:
                self._start_one(agent)
            except (ray.exceptions.RayError, ExchangeError) as error:
                if not _is_alive(agent.node):
                    # The cluster shrinks. The node's executors are gone as well, and new ones run on other nodes.
                    ray.kill(agent.handle)
                    _logger.info("Node %s ended before its exchange agent started: %s", agent.node, error)
                    continue
                for other in created:
                    if other.node not in self._agents:
                        ray.kill(other.handle)
                raise ExchangeError(
                    f"The exchange agent of a node did not start within {self._waits.agent_start:.0f} s, or failed. Is "
                    f"this version of raydp installed on the node, and can it write to {self.folder.parent}? "
                    f"Node {agent.node}: {reason_of(error)}"
                ) from error

    def _start_one(self, agent: Agent) -> None:
        """Publish an agent when all participants know it. If it is lost before that, start another one."""
        for attempt in itertools.count(1):
            try:
                agent = self._open_on_its_node(agent)
                self._publish(agent)
            except AGENT_LOST as error:
                ray.kill(agent.handle)
                if attempt == _MOST_STARTS or not _is_alive(agent.node):
                    raise
                _logger.info("An exchange agent was lost while it started, node %s: %s", agent.node, error)
            else:
                return
            agent = Agent(agent.node, self._create(agent.node))

    def _open_on_its_node(self, agent: Agent) -> Agent:
        """Open an agent. Replaces it while Ray puts it on another node, because it does not know the node (yet)."""
        limit = self._waits.agent_start
        deadline = time.monotonic() + limit
        while ray.get(agent.handle.open.remote(agent.node), timeout=limit).node_id != agent.node:
            ray.kill(agent.handle)
            if time.monotonic() > deadline or not _is_alive(agent.node):
                raise ExchangeError("Ray started it on another node, because its own was lost")
            self._closed.wait(_RETRY_SECONDS)
            agent = Agent(agent.node, self._create(agent.node))
        return agent

    def _publish(self, agent: Agent) -> None:
        for participant in self._participants:
            participant.agent_joined(agent)
        ray.get(agent.handle.publish.remote(), timeout=self._waits.agent_start)
        self._agents[agent.node] = agent
        end = agent.handle.await_end.remote()
        agent.pending_calls.append(end)
        end.future().add_done_callback(functools.partial(self._replace_if_lost, agent))
        _logger.info("Exchange agent started on node %s", agent.node)

    def _create(self, node: str) -> Any:
        remote: Any = ray.remote  # its annotations do not know concurrency groups
        # Ray restarts an agent, on any node, only for streams that it calls again to recompute lost blocks. The agents
        # that executors connect to start here.
        actor = remote(num_cpus=0, max_restarts=-1, concurrency_groups=AGENT_METHOD_GROUPS)(ExchangeAgent).options(
            # Ray's dashboard shows the name. The number keeps it different from the names of its successors.
            name=f"raydp-{self.application.removeprefix('raydp-')}-exchange-{node[:_NODE_CHARACTERS]}"
            f"-{next(self._generations)}",
            namespace=self.application,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True),
        )
        path = self.folder / f"{node[:_NODE_CHARACTERS]}.sock"
        return actor.remote(os.fspath(path), self.token, self.application, self._waits.block_fetch)

    def _introduce(self, agent: Agent, participant: Participant) -> None:
        for attempt in itertools.count(1):
            try:
                participant.agent_joined(agent)
            except AGENT_LOST:
                if attempt == _MOST_STARTS:
                    raise
            else:
                return
            # The loss was not detected before. The successor meets the other participants while it starts, and this
            # participant here.
            if self._agents.get(agent.node) is agent:
                del self._agents[agent.node]
                self._start([agent.node])
            successor = self._agents.get(agent.node)
            if successor is None:  # the node has ended as well
                return
            agent = successor

    def _replace_if_lost(self, agent: Agent, over: Any) -> None:
        """Called in a thread of Ray's, which must not be blocked."""
        error = over.exception()
        if error is not None and not agent.ending.is_set():
            agent.deaths.append(error)
            threading.Thread(target=self._replace, args=(agent,), name="raydp-exchange-replace", daemon=True).start()

    def _replace(self, agent: Agent) -> None:
        # Without the lock, because other threads hold it while agents start.
        for participant in list(self._participants):
            participant.agent_lost(agent)
        with self._lock:
            if self._closed.is_set() or not self._can_call_ray():
                return
            _logger.warning(
                "The exchange agent of node %s died. It is replaced if the node still has executors", agent.node
            )
            if self._agents.get(agent.node) is agent:
                del self._agents[agent.node]
            if not self.needs(agent):
                ray.kill(agent.handle)
            self._refresh_quietly()

    def _follow(self) -> None:
        """Update the agents when executors start and end."""
        while not self._closed.is_set():
            try:
                self._host.await_change(_WATCH_SECONDS)
            except Exception as error:  # the application has ended
                if not self._closed.is_set():
                    _logger.info("Stopped following the executors of %s: %s", self.application, error)
                return
            self._refresh_quietly()

    def _refresh_quietly(self) -> None:
        try:
            self.refresh()
        except Exception as error:  # the next conversion fails with it, and reports it to the user
            if not self._closed.is_set():
                _logger.warning("The exchange agents could not be updated: %s", error)

    def end(self, agents: list[Agent]) -> None:
        """End agents that nothing will call, within bounds."""
        if not agents:
            return
        for agent in agents:
            agent.ending.set()
        if self._can_call_ray():
            closing = [agent.handle.close.remote() for agent in agents]
            closing += [call for agent in agents for call in agent.pending_calls]
            ray.wait(closing, num_returns=len(closing), timeout=self._waits.agent_stop, fetch_local=False)
            for agent in agents:
                ray.kill(agent.handle)
        _logger.info("Exchange agents ended: %d", len(agents))


def _is_alive(node: str) -> bool:
    return any(one["NodeID"] == node and one["Alive"] for one in ray.nodes())
