"""Looks at the other machines of a cluster: on each of them runs a task of Ray's that looks at it."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.util import get_node_ip_address
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from raydp._configuration import registry as _configuration
from raydp._doctor import machine, software
from raydp._doctor.findings import Check, Finding, Level, find
from raydp._machine import installation as _installation
from raydp._ray.cluster import join_cluster
from raydp.errors import MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["NodePreflight", "examine_cluster"]

_logger = logging.getLogger(__name__)
_PATIENCE_SECONDS = 60.0
"""A Python worker of Ray's takes seconds to start; a node that has not answered after this time is not waited for."""
_PAUSE_SECONDS = 1.0
_PYTHON = "raydp.doctor.python"


def _class_path(settings: Mapping[str, str]) -> str:
    """Look whether the jars that executors are started with are there, by the same names as on the driver's node."""
    wanted = settings[_configuration.EXECUTOR_CLASS_PATH.key]
    jars = [Path(entry) for entry in wanted.split(os.pathsep) if entry.endswith(".jar")]
    missing = [str(jar) for jar in jars if not jar.is_file()]
    if missing:
        raise MissingRequirementError(
            "Jars that executors are started with are not on this node. Install raydp and pyspark at the same path as "
            f"on the driver's node, or set {_configuration.EXECUTOR_CLASS_PATH.key} to what every node has. Missing: "
            f"{', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}"
        )
    return f"{len(jars)} jars"


def _python(settings: Mapping[str, str]) -> str:
    """Compare the Python of the node with the driver's, to a version of which the functions of its jobs belong."""
    wanted, found = settings[_PYTHON], _version()
    if found != wanted:
        raise MissingRequirementError(
            "Python has another version on this node than on the driver's, and cannot read the functions of its jobs. "
            f"Install the same one. The driver's: {wanted}; here: {found} at {sys.executable}"
        )
    return f"{found} at {sys.executable}"


_CHECKS = (
    Check("Java", software.java),
    Check("class path", _class_path),
    Check("native libraries", software.native_libraries),
    Check("Python", _python),
    Check("memory", machine.memory),
    Check("shared memory", machine.shared_memory),
    Check("address", machine.address),
    Check("temporary files", machine.socket_folder),
)


def _version() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def _look(settings: Mapping[str, str]) -> list[Finding]:
    return [find(check, settings) for check in _CHECKS]


class NodePreflight:
    """One look at each other machine of the cluster, in the background.

    What is broken is logged as soon as it is known: a machine without Java, say, may be meant for other work, so that
    it is no error as long as there are machines for the executors.

    Args:
        settings: Spark settings of the application.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._broken: list[Finding] = []
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        pending = _tasks(settings)
        if pending:
            self._thread = threading.Thread(target=self._log, args=(pending,), name="raydp-preflight", daemon=True)
            self._thread.start()

    def report(self) -> str:
        """Return what is broken by now, each on a new line; empty when nothing is."""
        return "".join(f"\n{finding}" for finding in list(self._broken))

    def close(self) -> None:
        """Give up on machines that have not answered; may be called more than once."""
        self._closed.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(2 * _PAUSE_SECONDS)

    def _log(self, pending: dict[Any, str]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while pending and not self._closed.is_set() and time.monotonic() < deadline and ray.is_initialized():
            for finding in _answers(pending, timeout=_PAUSE_SECONDS):
                if finding.level is Level.BROKEN:
                    self._broken.append(finding)
                    _logger.warning("No executor can start on a machine of the cluster: %s", finding)
        if ray.is_initialized():
            for ref in pending:
                ray.cancel(ref)


def examine_cluster(address: str) -> Iterator[Finding]:
    """Join a cluster and look at every machine of it but this one.

    Args:
        address: ``HOST:PORT`` of its GCS.

    Yields:
        Whether the cluster can be joined; if so, the findings of each machine as soon as it has answered, and one that
        is broken for a machine that has not.
    """
    joined = find(Check("Ray", lambda _: f"joined the cluster at {join_cluster(f'ray:{address}').address}"), {})
    yield joined
    if joined.level is Level.BROKEN:
        return
    pending = _tasks({_configuration.EXECUTOR_CLASS_PATH.key: os.pathsep.join(map(str, _installation.class_path()))})
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while pending and time.monotonic() < deadline:
        yield from _answers(pending, timeout=deadline - time.monotonic())
    for ref, machine_address in pending.items():
        ray.cancel(ref)
        text = f"No worker of Ray's has answered within {_PATIENCE_SECONDS:.0f} s. Look at the logs of its raylet"
        yield _on(machine_address, Finding("Ray", Level.BROKEN, text))


def _tasks(settings: Mapping[str, str]) -> dict[Any, str]:
    """Send a task to one node of each other machine; return the machines' addresses by the tasks' results."""
    here = get_node_ip_address()
    nodes = {node["NodeManagerAddress"]: node["NodeID"] for node in ray.nodes() if node["Alive"]}
    key = _configuration.EXECUTOR_CLASS_PATH.key
    told = {_PYTHON: _version(), key: settings.get(key, "")}
    look = ray.remote(num_cpus=0, max_retries=0)(_look)
    return {
        look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(told): address
        for address, node in sorted(nodes.items())
        if address not in (here, "127.0.0.1")
    }


def _answers(pending: dict[Any, str], *, timeout: float) -> Iterator[Finding]:
    """Take the tasks that are done out of ``pending`` and yield what they found."""
    done, _ = ray.wait(list(pending), num_returns=1, timeout=timeout)
    for ref in done:
        address = pending.pop(ref)
        try:
            findings = ray.get(ref)
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            findings = [
                Finding(
                    "raydp",
                    Level.BROKEN,
                    "This machine could not be looked at. Install raydp there as on the driver's node. Error: "
                    f"{reason}",
                )
            ]
        yield from (_on(address, finding) for finding in findings)


def _on(address: str, finding: Finding) -> Finding:
    return Finding(f"{address} {finding.subject}", finding.level, finding.text)
