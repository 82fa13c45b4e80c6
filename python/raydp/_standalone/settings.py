"""The settings of a standalone cluster's daemons and clients, with the secrets that they have in common."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raydp._configuration.memory_size import MEBIBYTE
from raydp._configuration.security import SECRET, UI_FILTERS, UI_TOKEN, security_settings, ui_asks_for_token
from raydp._machine.installation import raydp_jar
from raydp._spark.submission import format_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["ClusterSettings", "write_properties"]

_SECRET_BYTES = 32
_OF_DAEMONS = ("spark.master.", "spark.worker.", "spark.deploy.")
_EXECUTOR_MEMORY = "spark.executor.memory"


@dataclass(frozen=True)
class ClusterSettings:
    """What the processes and the clients of one cluster have in common.

    Attributes:
        shared: Settings of all of them, with the secrets.
        has_token_filter: Whether raydp's filter can protect the UI of this version of Spark.
    """

    shared: Mapping[str, str]
    has_token_filter: bool

    @classmethod
    def create(cls, given: Mapping[str, str], *, has_token_filter: bool) -> ClusterSettings:
        """Add new secrets to the settings that a program gave.

        Raises:
            InvalidArgumentError: Encryption is on, and authentication, which it needs, is off.
        """
        added = security_settings(given)
        if SECRET in added:
            added[SECRET] = secrets.token_hex(_SECRET_BYTES)
        if has_token_filter and ui_asks_for_token(given):
            added[UI_TOKEN] = given.get(UI_TOKEN) or secrets.token_hex(_SECRET_BYTES)
        else:
            added.pop(UI_FILTERS, None)
        return cls({**given, **added}, has_token_filter)

    @property
    def ui_token(self) -> str | None:
        """The token that opens the UI of the daemons; ``None`` if it needs none."""
        return self.shared.get(UI_TOKEN)

    def of_master(self, ui_port: int, recovery: Path) -> dict[str, str]:
        """Return the master's settings.

        Args:
            ui_port: Port of its UI.
            recovery: Folder in which it keeps what it needs to start again.
        """
        return {
            **self.shared,
            "spark.deploy.recoveryMode": "FILESYSTEM",
            "spark.deploy.recoveryDirectory": str(recovery),
            "spark.master.rest.enabled": "false",  # it knows no secret
            "spark.master.ui.port": str(ui_port),
            "spark.port.maxRetries": "0",  # the ports are those that its clients know
        }

    def of_worker(self) -> dict[str, str]:
        """Return the settings of each worker."""
        return {**self.shared, "spark.worker.ui.port": "0"}

    def of_clients(self, master_url: str, host: str, worker_memory: int) -> dict[str, str]:
        """Return what an application needs to run on the cluster.

        Args:
            master_url: URL of the master.
            host: Address of the master.
            worker_memory: What a worker has for executors, in bytes.
        """
        settings = {
            # One executor takes what a worker has. Applications that share workers ask for less.
            _EXECUTOR_MEMORY: f"{worker_memory // MEBIBYTE}m",
            **{key: value for key, value in self.shared.items() if not key.startswith(_OF_DAEMONS)},
            "spark.master": master_url,
        }
        if host.startswith("127."):  # all of it is on this machine, and so are its clients
            settings = {"spark.driver.host": host, "spark.driver.bindAddress": host, **settings}
        if self.ui_token is not None:
            path = settings.get("spark.driver.extraClassPath")
            settings["spark.driver.extraClassPath"] = f"{raydp_jar()}:{path}" if path else str(raydp_jar())
        elif not self.has_token_filter and ui_asks_for_token(self.shared):
            settings.setdefault("spark.ui.enabled", "false")
        return settings


def write_properties(file: Path, settings: Mapping[str, str]) -> None:
    """Write settings, which contain secrets, to a new file that only this user can read."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(format_settings(settings) + "\n")
