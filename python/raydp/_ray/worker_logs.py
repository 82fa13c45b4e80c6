"""The last lines of the logs of Ray's Java workers on all nodes, for errors about executors that did not start."""

from __future__ import annotations

import re
from pathlib import Path

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from raydp._ray import internals as _ray_internals

__all__ = ["ends_of_worker_logs"]

_LINES_PER_LOG = 25
_BYTES_PER_LOG = 16 * 1024
_LOGS_PER_NODE = 3
_TIMEOUT_SECONDS = 30.0
# If a JVM does not start, its output is in the log of the raylet that started it.
_PATTERNS = ("java-worker-*.log", "raylet.err")
# Messages that log4j and Ray's own worker write at every start.
_NOISE = re.compile(r" main (INFO|ERROR AsyncRoot) |GcsClient has no Cluster ID")


def ends_of_worker_logs(*, since: float) -> str:
    """Collect the last lines of Java workers' logs on all nodes.

    Args:
        since: Leave out logs that were last written before this time, in seconds since the epoch.

    Returns:
        Text to append to an error message: a heading and the last lines of each log, or a sentence if there is no
        log. Takes 30 s at most.
    """
    task = ray.remote(num_cpus=0, max_retries=0)(_ends_of_logs_here)
    pending = [
        task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(since)
        for node in ray.nodes()
        if node["Alive"]
    ]
    ready, _ = ray.wait(pending, num_returns=len(pending), timeout=_TIMEOUT_SECONDS)
    parts: list[str] = []
    for ref in ready:
        try:
            parts.extend(ray.get(ref))
        except RayError as error:
            parts.append(f"(the logs of one node cannot be read: {type(error).__name__})")
    if not parts:
        return "\nNo Java worker has written a log since the start."
    return "\n" + "\n".join(parts)


def _ends_of_logs_here(since: float) -> list[str]:
    directory = Path(_ray_internals.session_directory(), "logs")
    logs: list[tuple[float, Path]] = []
    for pattern in _PATTERNS:
        for path in directory.glob(pattern):
            status = path.stat()
            if status.st_mtime >= since and status.st_size > 0:
                logs.append((status.st_mtime, path))
    logs.sort(reverse=True)
    ends = [(path, _last_lines(path)) for _, path in logs]
    here = ray.util.get_node_ip_address()
    return ["\n".join([f"--- last lines of {path} on {here}:", *lines]) for path, lines in ends if lines][
        :_LOGS_PER_NODE
    ]


def _last_lines(path: Path) -> list[str]:
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _BYTES_PER_LOG))
        lines = log.read().decode("utf-8", errors="replace").splitlines()
    return [line for line in lines if not _NOISE.search(line)][-_LINES_PER_LOG:]
