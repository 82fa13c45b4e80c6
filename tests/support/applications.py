"""The running application's insides that tests look at. A test that needs another one gets it from here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import ray

from raydp._application import current_application
from raydp._application.lifecycle import lifecycle
from raydp._exchange.driver.export_job import ExportJob

if TYPE_CHECKING:
    import subprocess

    from raydp._exchange.driver.directory import Agent

__all__ = [
    "agent_counters",
    "agents",
    "driver_process",
    "executor_processes",
    "exports_in_progress",
    "held_datasets",
    "is_stopping",
    "kill_agents",
    "lineages",
    "open_blocks",
    "registered_datasets",
    "session_directory",
    "socket_folder",
    "state",
]


def agents() -> list[Agent]:
    """Return the exchange agents that executors can find."""
    return current_application().exchange.directory.agents()


def kill_agents() -> None:
    """Kill all exchange agents."""
    for agent in agents():
        ray.kill(agent.handle)


def agent_counters() -> list[dict[str, int]]:
    """Return what each exchange agent counts."""
    return current_application().exchange.directory.counters()


def open_blocks() -> int:
    """Return how many blocks the exchange agents have open for reads."""
    return sum(counters["open_blocks"] for counters in agent_counters())


def exports_in_progress() -> list[ExportJob]:
    """Return the exports that still take part in the exchange."""
    return [one for one in current_application().exchange.directory._participants if isinstance(one, ExportJob)]


def held_datasets() -> int:
    """Return how many Datasets the application keeps for DataFrames."""
    return current_application().exchange.leases.count()


def registered_datasets() -> list[str]:
    """Return the names of the registered Datasets."""
    return current_application().exchange.registered()


def lineages() -> int:
    """Return for how many conversions the application keeps the lineage."""
    return current_application().exchange.lineages.count()


def socket_folder() -> Path:
    """Return the folder of the exchange agents' sockets."""
    return current_application().exchange.directory.folder


def state() -> str:
    """Return the state of this process's application."""
    return str(lifecycle.state)


def driver_process() -> subprocess.Popen[bytes] | None:
    """Return the process of the driver JVM that was started here; ``None`` if there is none."""
    process = lifecycle.process
    return None if process is None else process.process


def executor_processes() -> list[int]:
    """Return the process ids of the registered executors."""
    return [one.pid for one in current_application().status().registered if one.pid is not None]


def session_directory() -> Path:
    """Return the folder of the Ray session."""
    return Path(current_application().cluster.session_directory)


def is_stopping() -> bool:
    """Tell whether the application is being stopped, or was."""
    application = lifecycle.application
    return application is None or application.is_stopping
