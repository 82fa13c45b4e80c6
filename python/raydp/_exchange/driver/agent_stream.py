"""One agent's stream of the blocks of an export, as the driver drains it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import ray

from raydp._ray.failures import describe_death, raised_in_task, reason_of
from raydp.errors import ExchangeError, RaydpError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ray import ObjectRef

    from raydp._exchange.driver.directory import Agent

__all__ = ["AgentDiedError", "AgentStream", "agent_died"]


class AgentDiedError(ExchangeError):
    """An agent died during an export."""


class AgentStream:
    """One agent's stream of blocks. A thread drains it, so the driver owns each block as soon as it is stored.

    Args:
        agent: The agent.
        generator: What its streaming method returned.
        control_seconds: Bound of a control call.
        on_block: Called in the thread with each block.
        on_failure: Called in the thread with the error that ended the stream early.
    """

    def __init__(
        self,
        agent: Agent,
        generator: Any,
        *,
        control_seconds: float,
        on_block: Callable[[ObjectRef[Any]], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.agent = agent
        self.refs: list[ObjectRef[Any]] = []
        self._generator = generator
        self._control_seconds = control_seconds
        self._on_block = on_block
        self._on_failure = on_failure
        self._ended = threading.Event()
        self._ending = threading.Event()

    def start(self, name: str) -> None:
        """Start the thread."""
        threading.Thread(target=self._drain, name=name, daemon=True).start()

    def expect_end(self) -> None:
        """From now on, the end of the stream is no failure."""
        self._ending.set()

    def await_end(self, timeout: float) -> bool:
        """Wait for the end of the stream; ``False`` if it has not ended within ``timeout`` seconds."""
        return self._ended.wait(timeout)

    def raise_early_end(self) -> None:
        """Raise what ended the stream too early, if anything: Ray delivers it as the stream's last reference."""
        try:
            ray.get(self.refs[-1:], timeout=self._control_seconds)
        except ray.exceptions.RayActorError as error:
            self.agent.deaths.append(error)
            raise agent_died(self.agent) from error
        except Exception as error:
            raise self._could_not_store(error) from error

    def _drain(self) -> None:
        try:
            for ref in self._generator:
                self.refs.append(ref)
                self._on_block(ref)
            ray.get(self._generator.completed(), timeout=self._control_seconds)
            if not self._ending.is_set():
                self.raise_early_end()
        except ray.exceptions.RayActorError as error:
            self.agent.deaths.append(error)
            self._on_failure(agent_died(self.agent))
        except Exception as error:  # the caller's thread raises it
            self._on_failure(error if isinstance(error, RaydpError) else self._could_not_store(error))
        finally:
            self._generator = None
            self._ended.set()

    def _could_not_store(self, error: Exception) -> RaydpError:
        raised = raised_in_task(error)
        if isinstance(raised, RaydpError):
            return raised
        if isinstance(raised, ray.exceptions.OutOfDiskError):
            return ExchangeError(
                "The disk to which Ray spills blocks is full. Free space there, start Ray with a larger store or "
                f"another folder (`object_spilling_directory` of ray.init), or convert less. Node: {self.agent.node}"
            )
        return ExchangeError(
            f"An exchange agent could not store a block. See its log in the folder of Ray's session: node "
            f"{self.agent.node}, {reason_of(error)}"
        )


def agent_died(agent: Agent) -> AgentDiedError:
    """Return the error for an agent that died during an export."""
    said = "".join(f", {text}" for text in {describe_death(error) for error in agent.deaths} if text)
    return AgentDiedError(
        f"The exchange agent of a node died during the conversion. Was the node lost, or the agent killed because "
        f"memory ran out? Nothing was converted. Try again; raydp starts a new agent: node {agent.node}{said}"
    )
