"""The waits of the driver and the agents in the exchange, and of a task for its agent's answers, with their bounds.

The native core and the JVM's connection pool bound what happens below: connecting, and sending a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raydp._configuration import registry

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ExchangeWaits"]

_OF_TASKS = (registry.EXCHANGE_TIMEOUT,)
"""The settings that bound waits of Spark's tasks. Their values travel to the tasks with each request."""


@dataclass(frozen=True)
class ExchangeWaits:
    """How long each wait of the exchange may take, in seconds.

    ``spark.raydp.exchange.timeout`` sets the first five, each of which depends on the amount of data and on the speed
    of disks and network. The others do not depend on the data. The file in brackets has the message of the wait.

    Attributes:
        of_tasks: A Spark task waits for its agent, for example once for each block that the agent stores. By the keys
            of the settings; ``TaskWaits.scala`` says which setting bounds which wait (``AgentConnection.java``).
        block_fetch: An agent waits for Ray to bring a block of a Dataset to its node (``agent/block_reader.py``).
        block_descriptions: The driver waits for an agent to describe some more of the blocks whose schema is unknown
            (``driver/block_descriptions.py``).
        last_blocks: After Spark's job, the driver waits for each agent to store the blocks that it has received
            (``driver/export_job.py``).
        sign_of_life: During Spark's job, the driver waits for the driver JVM and the agents to answer a check
            (``driver/liveness.py``). The job itself may take any time.
        check_interval: Time between two of these checks.
        control: The driver waits for an agent to answer a control call (``driver/directory.py``).
        cancel: The driver waits for an export to cancel.
        agent_start: The driver waits for an agent to start (``driver/directory.py``).
        agent_stop: The driver waits for agents to close.
    """

    of_tasks: Mapping[str, float]
    block_fetch: float
    block_descriptions: float
    last_blocks: float
    sign_of_life: float
    check_interval: float = 30.0
    control: float = 60.0
    cancel: float = 15.0
    agent_start: float = 120.0
    agent_stop: float = 10.0

    @classmethod
    def of_settings(cls, settings: Mapping[str, str]) -> ExchangeWaits:
        """Return the waits of an application, by its settings."""
        timeout = registry.EXCHANGE_TIMEOUT.get(settings)
        return cls(
            of_tasks={setting.key: setting.get(settings) for setting in _OF_TASKS},
            block_fetch=timeout,
            block_descriptions=timeout,
            last_blocks=timeout,
            sign_of_life=timeout,
        )
