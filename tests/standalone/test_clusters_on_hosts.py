"""A standalone cluster on two hosts, started on Ray's head or on the other one, and its end when the network fails."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from support import datasets, hosts, programs
from support.skipping import skipped_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    skipped_for(hosts.reason_to_skip()),
]

_PROGRAM_SECONDS = 400
# Ray's own limits, shortened: lifecycle/test_hosts.py explains them.
_RAY = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 2000,
    "raylet_liveness_self_check_interval_ms": 5000,
    "grpc_client_keepalive_timeout_ms": 10_000,
    "gcs_rpc_server_reconnect_timeout_s": 10,
}
_FACTS = [
    "workers: True master: True",
    "submitted: 10 15",
    "both hosts run tasks",
    "blocks lie where they were made: True",
    "on both hosts: True",
    "rows: True",
    "back: True",
    "daemons listen at: True",
    "daemons listen at: True",
    "ready",
]
_DAEMONS = ("org.apache.spark.deploy.", "org.apache.spark.executor.")


@pytest.fixture(scope="module")
def ray_hosts() -> Iterator[hosts.RayHosts]:
    """Start two hosts with one CPU each, so that each has one worker."""
    with hosts.network(2) as network:
        sizes = ["--num-cpus=1", f"--object-store-memory={100 * 1024**2}"]
        cluster = hosts.RayHosts(network, options=dict.fromkeys(network, sizes), settings=_RAY)
        cluster.start()
        yield cluster
        cluster.end()


def run_until_ready(process: subprocess.Popen[str], log: Path) -> None:
    """Read what the program says until it waits, and check it."""
    limit = threading.Timer(_PROGRAM_SECONDS, programs.kill_session, [process.pid])
    limit.start()
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line.strip())
            if said[-1] == "ready":
                break
        assert said == _FACTS, f"{said}\n{log.read_text()[-20_000:]}"
    finally:
        limit.cancel()


def left_on(host: hosts.Host) -> list[str]:
    """Return what runs of Spark on a host."""
    found = [" ".join(programs.words_of(one)) for one in host.processes()]
    return [
        words[:200] for words in found if words.startswith(("java", "/")) and any(name in words for name in _DAEMONS)
    ]


@pytest.mark.nightly
def test_it_works_on_both_hosts(ray_hosts: hosts.RayHosts, tmp_path: Path) -> None:
    process = ray_hosts.start_program(ray_hosts.hosts[0], "standalone/on_hosts", tmp_path / "log")
    try:
        run_until_ready(process, tmp_path / "log")
    finally:
        programs.kill_session(process.pid)
        process.communicate()
    for host in ray_hosts.hosts:
        assert datasets.eventually(lambda host=host: not left_on(host), within=60), left_on(host)


@pytest.mark.nightly
def test_it_ends_on_all_hosts_when_the_host_of_its_program_is_cut_off(
    ray_hosts: hosts.RayHosts, tmp_path: Path
) -> None:
    elsewhere, host = ray_hosts.hosts
    process = ray_hosts.start_program(host, "standalone/on_hosts", tmp_path / "log")
    try:
        run_until_ready(process, tmp_path / "log")
        assert left_on(elsewhere)
        host.cut()
        assert datasets.eventually(lambda: not left_on(elsewhere), within=90), left_on(elsewhere)
        assert datasets.eventually(lambda: not left_on(host), within=150), left_on(host)
    finally:
        programs.kill_session(process.pid)
        process.communicate()
