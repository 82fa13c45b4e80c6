"""Keeps one exchange agent on each node that has executors, for as long as the application lives."""

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
from raydp._machine.socket_folder import find_socket_folder
from raydp._ray.failures import reason_of
from raydp.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ray import ObjectRef

__all__ = ["Agent", "AgentDirectory", "Participant"]

_logger = logging.getLogger(__name__)

_NODE_CHARACTERS = 16
_TOKEN_BYTES = 32
_START_SECONDS = 120.0
_CLOSE_SECONDS = 10.0
_WATCH_SECONDS = 30.0
_RETRY_SECONDS = 0.5
# How often an agent is started that is lost on its way up; more would not help one that cannot start.
_STARTS = 3


@dataclass(frozen=True)
class Agent:
    """One running agent.

    Attributes:
        node: Ray's id of its node, hex.
        handle: The actor.
        ending: Set when the directory ends it, so that its end is no death.
        lasting: Calls that return when it is closed; Ray warns of those that a kill cuts off.
    """

    node: str
    handle: Any
    ending: threading.Event = field(default_factory=threading.Event, compare=False)
    lasting: list[ObjectRef[Any]] = field(default_factory=list, compare=False)

    @property
    def key(self) -> str:
        """The node's name in what the JVM reports."""
        return self.node[:_NODE_CHARACTERS]


class Participant(Protocol):
    """Something that must know every agent: a conversion at work, or the Datasets that Spark reads."""

    def needs(self, agent: Agent) -> bool:
        """Tell whether an agent must stay although its node has no executors any more, or was lost."""

    def agent_joined(self, agent: Agent) -> None:
        """Prepare an agent that no executor knows yet; called once per agent, in any thread."""

    def agent_lost(self, agent: Agent) -> None:
        """Take note that an agent died; called once per agent, in any thread. Must not block."""


class AgentDirectory:
    """The agents of one application; owned by the driver, safe for any thread.

    Args:
        application: Id of the application.
        executor_nodes: Returns the Ray node ids (hex) that have executors now.
        await_change: Waits until the executors changed, or for the given seconds; raises when the
            application has ended. It is called in a thread of its own.
        timeout: Seconds that Ray may take to bring a block to a node.
    """

    def __init__(
        self,
        application: str,
        *,
        executor_nodes: Callable[[], Iterable[str]],
        await_change: Callable[[float], None],
        timeout: float,
    ) -> None:
        self.application = application
        self.token = secrets.token_bytes(_TOKEN_BYTES)
        self.folder = _socket_folder(application)
        self._executor_nodes = executor_nodes
        self._await_change = await_change
        self._timeout = timeout
        self._generations = itertools.count()
        # Guards the three below; held while agents start, so that each participant meets each agent once.
        self._lock = threading.RLock()
        self._agents: dict[str, Agent] = {}
        self._participants: list[Participant] = []
        self._closed = threading.Event()
        self._watch: threading.Thread | None = None

    def agents(self) -> list[Agent]:
        """Return the agents that run now."""
        with self._lock:
            return list(self._agents.values())

    def executor_nodes(self) -> list[str]:
        """Return the Ray node ids (hex) that have executors now."""
        return list(self._executor_nodes())

    def counters(self) -> list[dict[str, int]]:
        """Return what each agent holds; see ``ExchangeAgent.counters``."""
        return ray.get([agent.handle.counters.remote() for agent in self.agents()], timeout=_CLOSE_SECONDS)

    def join(self, participant: Participant) -> None:
        """Bring the agents up to date and let a participant meet them all, and those to come.

        Raises:
            ExchangeError: An agent could not be started, or the application has ended.
        """
        with self._lock:
            self.refresh()
            # A copy: an agent that turns out to be dead is removed on the way.
            for agent in list(self._agents.values()):
                self._introduce(agent, participant)
            self._participants.append(participant)

    def add(self, participant: Participant) -> None:
        """Let a participant meet the agents to come; one that is known already is no error."""
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
        """Start agents on nodes that have executors and no agent; end those that are alone."""
        wanted = set(self._executor_nodes())
        with self._lock:
            if self._closed.is_set():
                raise ExchangeError(f"The application has ended: {self.application}")
            # An agent, even an idle one, would keep its node from being scaled down.
            unwanted = [agent for node, agent in self._agents.items() if node not in wanted and not self.needs(agent)]
            self.end([self._agents.pop(agent.node) for agent in unwanted])
            self._start(sorted(wanted - set(self._agents)))
            if self._agents and self._watch is None:
                self._watch = threading.Thread(target=self._follow, name="raydp-exchange-nodes", daemon=True)
                self._watch.start()

    def close(self) -> None:
        """End all agents, within bounds; may be called more than once."""
        with self._lock:
            self._closed.set()
            agents, self._agents = list(self._agents.values()), {}
            self._participants.clear()
        self.end(agents)

    def _start(self, nodes: list[str]) -> None:
        """Start agents, all at once, and publish each when all participants know it; nodes that have ended get none."""
        # Ray knows of a node's end before Spark does.
        created = [Agent(node, self._create(node)) for node in nodes if _is_alive(node)]
        for agent in created:
            try:
                self._bring_up(agent)
            except (ray.exceptions.RayError, ExchangeError) as error:
                if not _is_alive(agent.node):
                    # A cluster that shrinks: the node's executors are gone as well, and those to come have another.
                    ray.kill(agent.handle)
                    _logger.info("Node %s ended before its exchange agent had started: %s", agent.node, error)
                    continue
                for other in created:
                    if other.node not in self._agents:
                        ray.kill(other.handle)
                raise ExchangeError(
                    f"The exchange agent of a node did not start. Is this version of raydp installed on the node, and "
                    f"can it write to {self.folder.parent}? Node {agent.node}: {reason_of(error)}"
                ) from error

    def _bring_up(self, agent: Agent) -> None:
        """Publish an agent when all participants know it; start one that is lost on its way once more."""
        for attempt in itertools.count(1):
            try:
                agent = self._opened(agent)
                self._publish(agent)
            except AGENT_LOST as error:
                ray.kill(agent.handle)
                if attempt == _STARTS or not _is_alive(agent.node):
                    raise
                _logger.info("An exchange agent was lost on its way up, node %s: %s", agent.node, error)
            else:
                return
            agent = Agent(agent.node, self._create(agent.node))

    def _opened(self, agent: Agent) -> Agent:
        """Have an agent listen, or one in its place: Ray takes another node where it does not know the node (yet)."""
        deadline = time.monotonic() + _START_SECONDS
        while ray.get(agent.handle.open.remote(agent.node), timeout=_START_SECONDS).node_id != agent.node:
            ray.kill(agent.handle)
            if time.monotonic() > deadline or not _is_alive(agent.node):
                raise ExchangeError("Ray started it on another node, because its own was lost")
            self._closed.wait(_RETRY_SECONDS)
            agent = Agent(agent.node, self._create(agent.node))
        return agent

    def _publish(self, agent: Agent) -> None:
        for participant in self._participants:
            participant.agent_joined(agent)
        ray.get(agent.handle.publish.remote(), timeout=_START_SECONDS)
        self._agents[agent.node] = agent
        lifetime = agent.handle.lifetime.remote()
        agent.lasting.append(lifetime)
        lifetime.future().add_done_callback(functools.partial(self._lifetime_over, agent))
        _logger.info("Exchange agent started on node %s", agent.node)

    def _create(self, node: str) -> Any:
        remote: Any = ray.remote  # its annotations do not know concurrency groups
        # Restarts, on any node, are for streams that Ray calls once more; what executors connect to is made here.
        actor = remote(num_cpus=0, max_restarts=-1, concurrency_groups=AGENT_METHOD_GROUPS)(ExchangeAgent).options(
            # A name that says in Ray's dashboard what and whose this is; the number keeps a successor's apart.
            name=f"raydp-{self.application.removeprefix('raydp-')}-exchange-{node[:_NODE_CHARACTERS]}"
            f"-{next(self._generations)}",
            namespace=self.application,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True),
        )
        path = self.folder / f"{node[:_NODE_CHARACTERS]}.sock"
        return actor.remote(os.fspath(path), self.token, self.application, self._timeout)

    def _introduce(self, agent: Agent, participant: Participant) -> None:
        for attempt in itertools.count(1):
            try:
                participant.agent_joined(agent)
            except AGENT_LOST:
                if attempt == _STARTS:
                    raise
            else:
                return
            # It was lost unnoticed: its successor meets the participants on its way up, this one here.
            if self._agents.get(agent.node) is agent:
                del self._agents[agent.node]
                self._start([agent.node])
            successor = self._agents.get(agent.node)
            if successor is None:  # the node has ended, too
                return
            agent = successor

    def _lifetime_over(self, agent: Agent, over: Any) -> None:
        """Called in a thread of Ray's, which must not be kept."""
        if over.exception() is not None and not agent.ending.is_set():
            threading.Thread(target=self._replace, args=(agent,), name="raydp-exchange-replace", daemon=True).start()

    def _replace(self, agent: Agent) -> None:
        # Without the lock, which is held for as long as an agent takes to start.
        for participant in list(self._participants):
            participant.agent_lost(agent)
        with self._lock:
            if self._closed.is_set():
                return
            _logger.warning(
                "The exchange agent of node %s died; it is replaced if executors are left there", agent.node
            )
            if self._agents.get(agent.node) is agent:
                del self._agents[agent.node]
            if not self.needs(agent):
                ray.kill(agent.handle)
            self._refresh_quietly()

    def _follow(self) -> None:
        """Keep up with executors that come and go."""
        while not self._closed.is_set():
            try:
                self._await_change(_WATCH_SECONDS)
            except Exception as error:  # whatever it is, the JVM cannot be asked any more
                if not self._closed.is_set():
                    _logger.info("Executors of %s are not followed any more: %s", self.application, error)
                return
            self._refresh_quietly()

    def _refresh_quietly(self) -> None:
        try:
            self.refresh()
        except Exception as error:  # the next conversion meets it again, and reports it to the user
            if not self._closed.is_set():
                _logger.warning("Exchange agents could not be brought up to date: %s", error)

    def end(self, agents: list[Agent]) -> None:
        """End processes that nobody will call any more, within bounds."""
        if not agents:
            return
        for agent in agents:
            agent.ending.set()
        if ray.is_initialized():
            closing = [agent.handle.close.remote() for agent in agents]
            closing += [call for agent in agents for call in agent.lasting]
            ray.wait(closing, num_returns=len(closing), timeout=_CLOSE_SECONDS, fetch_local=False)
            for agent in agents:
                ray.kill(agent.handle)
        _logger.info("Exchange agents ended: %d", len(agents))


def _is_alive(node: str) -> bool:
    return any(one["NodeID"] == node and one["Alive"] for one in ray.nodes())


def _socket_folder(application: str) -> Path:
    return find_socket_folder() / f"raydp-{os.getuid()}" / application
