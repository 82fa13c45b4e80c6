"""An application on several hosts, and what it does when the network between them fails."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from support import datasets, hosts, programs
from support.skipping import skipped_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    skipped_for(hosts.reason_to_skip()),
]

_STORE = 100 * 1024**2
_PROGRAM_SECONDS = 480
_START_NODES = "start the nodes that ended"  # what a program says

# Ray's own limits, shortened.
_RAY = {
    # A node is dead after five checks in a row without an answer: 15 s (by default 65 s).
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 2000,
    # A node that does not reach Ray's head ends: looks every 5 s, takes the connection for broken after 10 s and
    # waits for another one for 10 s (by default 60, 120 and 60 s).
    "raylet_liveness_self_check_interval_ms": 5000,
    "grpc_client_keepalive_timeout_ms": 10_000,
    "gcs_rpc_server_reconnect_timeout_s": 10,
}


@pytest.fixture(scope="module")
def ray_hosts() -> Iterator[hosts.RayHosts]:
    """Start three hosts. The first has Ray's head and no executors: they need the resource ``worker``."""
    sizes = ["--num-cpus=2", f"--object-store-memory={_STORE}"]
    with hosts.network(3) as network:
        first, *others = network
        cluster = hosts.RayHosts(
            network,
            options={first: sizes, **{host: [*sizes, '--resources={"worker": 2}'] for host in others}},
            settings=_RAY,
        )
        yield cluster
        cluster.end()


def run(cluster: hosts.RayHosts, program: str, log: Path) -> None:
    """Run a program on the first host to its end. Start nodes when it asks for them."""
    cluster.start()
    process = cluster.start_program(cluster.hosts[0], program, log)
    limit = threading.Timer(_PROGRAM_SECONDS, programs.kill_session, [process.pid])
    limit.start()
    try:
        assert process.stdout is not None
        output = []
        for line in process.stdout:
            output.append(line)
            if line.strip() == _START_NODES:
                cluster.start()
        # After that, Ray may print that nodes were lost.
        assert process.wait() == 0 and "end\n" in output, f"{''.join(output)}\n{log.read_text()[-20_000:]}"
        print(*output)
    finally:
        limit.cancel()
        programs.kill_session(process.pid)


def test_data_crosses_hosts_and_nothing_listens_beside_their_own_addresses(
    ray_hosts: hosts.RayHosts, tmp_path: Path
) -> None:
    run(
        ray_hosts,
        "lifecycle/data_crosses_hosts",
        tmp_path / "log",
    )


def test_jobs_finish_though_hosts_are_cut_off_or_stop(ray_hosts: hosts.RayHosts, tmp_path: Path) -> None:
    run(
        ray_hosts,
        "lifecycle/jobs_finish_though_hosts_are_cut_off",
        tmp_path / "log",
    )


def test_nothing_is_left_of_an_application_whose_driver_is_cut_off(ray_hosts: hosts.RayHosts, tmp_path: Path) -> None:
    ray_hosts.start()
    host, log = ray_hosts.hosts[2], tmp_path / "log"
    process = ray_hosts.start_program(host, "lifecycle/driver_to_cut_off", log)
    try:
        assert process.stdout is not None
        assert "working\n" in iter(process.stdout.readline, ""), log.read_text()
        assert all(one.of_application() for one in ray_hosts.hosts[1:])
        host.cut()
        started = time.monotonic()
        elsewhere = ray_hosts.hosts[1]
        assert datasets.eventually(lambda: not elsewhere.of_application(), within=60), elsewhere.of_application()
        print(f"gone elsewhere after {time.monotonic() - started:.0f} s")
        assert datasets.eventually(lambda: not host.of_application(), within=120), host.of_application()
        print(f"gone there after {time.monotonic() - started:.0f} s")
        assert process.wait(60) != 0
    finally:
        programs.kill_session(process.pid)
