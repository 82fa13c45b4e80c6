"""What all conversions of one application share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raydp._exchange.driver.driver_calls import AgentAddress

if TYPE_CHECKING:
    from collections.abc import Callable

    from raydp._exchange.driver.directory import AgentDirectory
    from raydp._exchange.driver.driver_calls import DriverCalls
    from raydp._exchange.driver.exchange_host import ExchangeHost
    from raydp._exchange.waits import ExchangeWaits

__all__ = ["ExchangeContext"]


@dataclass(frozen=True)
class ExchangeContext:
    """What all conversions of one application share.

    Attributes:
        directory: The application's agents.
        host: The application.
        jvm: The entry points in the driver JVM.
        waits: The bound of each wait.
        block_bytes: Target size of blocks, and size of the segment that a task reads through.
        keep_lineage: Whether lost blocks are recomputed unless a conversion says otherwise.
        progress: Whether to draw progress bars; ``None``: if standard error is a terminal.
        find_loss: Returns which of Ray's own processes is gone, for a message; ``None`` if nothing is.
        relay_port: On which port relays listen; 0 for any.
    """

    directory: AgentDirectory
    host: ExchangeHost
    jvm: DriverCalls
    waits: ExchangeWaits
    block_bytes: int
    keep_lineage: bool
    progress: bool | None
    find_loss: Callable[[], str | None]
    relay_port: int

    def agent_address(self) -> AgentAddress:
        """Return what executors need to connect to their node's agent."""
        return AgentAddress(
            application=self.directory.application,
            agents_dir=str(self.directory.folder),
            token=self.directory.token.hex(),
            waits=self.waits.of_tasks,
            hosts_without_node=self.host.hosts_without_node(),
            relay_port=self.relay_port,
        )
