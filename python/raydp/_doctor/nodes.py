"""Check the other machines of a cluster: a Ray task runs the checks on each of them."""

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

from raydp._configuration import registry
from raydp._doctor import machine, restrictions, software
from raydp._doctor.findings import Check, Finding, Level, run_check
from raydp._machine import installation as _installation
from raydp._ray.cluster import join_cluster
from raydp._ray.internals import session_directory
from raydp._ray.session_folder import protect_session
from raydp.errors import MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["NodePreflight", "examine_cluster"]

_logger = logging.getLogger(__name__)
_PATIENCE_SECONDS = 60.0
"""How long to wait for a node. A Python worker of Ray's takes seconds to start."""
_PAUSE_SECONDS = 1.0
_PYTHON = "raydp.doctor.python"


def _check_class_path(settings: Mapping[str, str]) -> str:
    """Check that the executors' jars exist at the same paths as on the driver's node."""
    class_path = settings[registry.EXECUTOR_CLASS_PATH.key]
    jars = [Path(entry) for entry in class_path.split(os.pathsep) if entry.endswith(".jar")]
    missing = [str(jar) for jar in jars if not jar.is_file()]
    if missing:
        raise MissingRequirementError(
            "This node lacks jars that the executors need. Install raydp and pyspark at the same path as on the "
            f"driver's node, or set {registry.EXECUTOR_CLASS_PATH.key} to paths that every node has. Missing: "
            f"{', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}"
        )
    return f"{len(jars)} jars"


def _check_python(settings: Mapping[str, str]) -> str:
    """Check that the node has the driver's version of Python, which pickled the functions of its jobs."""
    expected, found = settings[_PYTHON], _python_version()
    if found != expected:
        raise MissingRequirementError(
            "This node has another version of Python than the driver's node, and cannot read the functions of its "
            f"jobs. Install the same version. Driver: {expected}; here: {found} at {sys.executable}"
        )
    return f"{found} at {sys.executable}"


def _check_session(settings: Mapping[str, str]) -> str:
    """Check that other users cannot replace what Ray loads on this node. A folder of this user is closed to them."""
    del settings
    folder = Path(session_directory())
    protect_session(folder)
    restrictions.check_folder_of_code(folder)
    return f"only this user can change {folder}"


_CHECKS = (
    Check("Java", software.check_java),
    Check("class path", _check_class_path),
    Check("native libraries", software.check_native_libraries),
    Check("Python", _check_python),
    Check("memory", machine.check_memory),
    Check("shared memory", machine.check_shared_memory),
    Check("memory files", restrictions.check_memory_files),
    Check("open files", restrictions.check_open_files),
    Check("threads", restrictions.check_threads),
    Check("address", machine.check_addresses),
    Check("temporary files", machine.check_temporary_folder),
    Check("native code", restrictions.check_native_code),
    Check("Ray's session", _check_session),
)


def _python_version() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def _run_checks(settings: Mapping[str, str]) -> list[Finding]:
    return [run_check(check, settings) for check in _CHECKS]


class NodePreflight:
    """Checks each other machine of the cluster once, in the background.

    It logs a warning for what is broken. This is not an error, because a machine without Java, for example, may be
    meant for other work.

    Args:
        settings: Spark settings of the application.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._broken: list[Finding] = []
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        pending = _start_tasks(settings)
        if pending:
            self._thread = threading.Thread(
                target=self._log_findings, args=(pending,), name="raydp-preflight", daemon=True
            )
            self._thread.start()

    def report(self) -> str:
        """Return what is known to be broken, each finding on a new line; an empty string if nothing is."""
        return "".join(f"\n{finding}" for finding in list(self._broken))

    def close(self) -> None:
        """Stop waiting for machines that have not answered. It is safe to call this more than once."""
        self._closed.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(2 * _PAUSE_SECONDS)

    def _log_findings(self, pending: dict[Any, str]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while pending and not self._closed.is_set() and time.monotonic() < deadline and ray.is_initialized():
            for finding in _collect_findings(pending, timeout=_PAUSE_SECONDS):
                if finding.level is Level.BROKEN:
                    self._broken.append(finding)
                    _logger.warning("No executor can start on one of the cluster's machines: %s", finding)
        if ray.is_initialized():
            for ref in pending:
                ray.cancel(ref)


def examine_cluster(address: str) -> Iterator[Finding]:
    """Join a cluster, and check all of its machines except this one.

    Args:
        address: ``HOST:PORT`` of its GCS.

    Yields:
        Whether the cluster can be joined. If so, the findings of each machine as soon as it answers, and a broken
        finding for each machine that does not answer.
    """
    joined = run_check(Check("Ray", lambda _: f"joined the cluster at {join_cluster(f'ray:{address}').address}"), {})
    yield joined
    if joined.level is Level.BROKEN:
        return
    pending = _start_tasks({registry.EXECUTOR_CLASS_PATH.key: os.pathsep.join(map(str, _installation.class_path()))})
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while pending and time.monotonic() < deadline:
        yield from _collect_findings(pending, timeout=deadline - time.monotonic())
    for ref, machine_address in pending.items():
        ray.cancel(ref)
        text = f"No Ray worker answered within {_PATIENCE_SECONDS:.0f} s. Check the logs of the machine's raylet"
        yield _add_address(machine_address, Finding("Ray", Level.BROKEN, text))


def _start_tasks(settings: Mapping[str, str]) -> dict[Any, str]:
    """Start a task on one node of each other machine; return the machines' addresses by the tasks' references."""
    here = get_node_ip_address()
    nodes = {node["NodeManagerAddress"]: node["NodeID"] for node in ray.nodes() if node["Alive"]}
    key = registry.EXECUTOR_CLASS_PATH.key
    node_settings = {_PYTHON: _python_version(), key: settings.get(key, "")}
    task = ray.remote(num_cpus=0, max_retries=0)(_run_checks)
    return {
        task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(
            node_settings
        ): address
        for address, node in sorted(nodes.items())
        if address not in (here, "127.0.0.1")
    }


def _collect_findings(pending: dict[Any, str], *, timeout: float) -> Iterator[Finding]:
    """Remove a finished task from ``pending``, and yield its findings; none if no task finishes in time."""
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
                    "The checks could not run on this machine. Install raydp there as on the driver's node. Error: "
                    f"{reason}",
                )
            ]
        yield from (_add_address(address, finding) for finding in findings)


def _add_address(address: str, finding: Finding) -> Finding:
    return Finding(f"{address} {finding.subject}", finding.level, finding.text)
