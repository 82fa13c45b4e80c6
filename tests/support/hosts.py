"""Ray clusters whose nodes are different hosts: network namespaces behind one switch, all on this machine.

A host has an address, a host name and a ``/tmp`` of its own, so that nothing of Ray, Spark or raydp is found on another
host unless it went over the network. What is not apart: the rest of the file system, processes' ids and ``/dev/shm``.

Everything lies in namespaces of a name that no other process uses, the switch too: the machine's own network is not
touched, and to remove the namespaces, with what runs in them, leaves nothing behind.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from support import programs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Host", "Listener", "RayHosts", "network", "of_program", "reason_to_skip"]

_ROOT = Path(__file__).resolve().parents[2]
_NAMESPACES = Path("/run/netns")
_GCS_PORT = 6379
# Executors and the AppMaster, driver's JVM, agents, Python workers with their daemon, programs of ours.
_OF_APPLICATION = (
    "DefaultWorker",
    "PythonGatewayServer",
    "ExchangeAgent",
    "raydp._spark.worker_daemon",
    "tests/programs/",
)
_COMMAND_SECONDS = 30
_START_SECONDS = 120
_END_SECONDS = 20
_PAUSE_SECONDS = 0.1

# Runs in a mount namespace of its own, which `ip netns exec` makes: no mount of it is seen anywhere else. A checkout or
# a Python below /tmp is brought along.
_ENTER = """
set -e
folder=$1 name=$2; shift 2
echo "$name" >/proc/sys/kernel/hostname
mount --bind "$folder/hosts" /etc/hosts
while [ "$1" != -- ]; do
  mkdir -p "$folder$1"; mount --bind "$1" "$folder$1"; shift
done
mount --rbind "$folder/tmp" /tmp
cd /tmp
shift; exec "$@"
"""


def reason_to_skip() -> str | None:
    """Tell why no hosts can be made here; ``None`` where they can."""
    if os.geteuid() != 0:
        return "network namespaces are made by root only"
    missing = [tool for tool in ("ip", "ss", "unshare") if shutil.which(tool) is None]
    if missing:
        return f"not on the PATH: {', '.join(missing)} (Debian: iproute2, util-linux)"
    made = subprocess.run(["unshare", "--net", "--mount", "--uts", "true"], capture_output=True, text=True, check=False)
    return f"this root may make no namespaces: {made.stderr.strip()}" if made.returncode else None


@dataclass(frozen=True)
class Listener:
    """A TCP socket that takes connections."""

    address: str
    port: int
    pid: int


@dataclass(frozen=True)
class Host:
    """One host of a network. Works the same for a program that runs on one of the hosts.

    Attributes:
        network: What the names of its namespaces begin with.
        number: From 1 on.
        folder: Holds its ``/tmp``, as this machine sees it.
    """

    network: str
    number: int
    folder: Path

    @property
    def name(self) -> str:
        """Its host name, and its namespace's."""
        return f"{self.network}-{self.number}"

    @property
    def address(self) -> str:
        """Its one address besides loopback's."""
        return f"10.77.0.{self.number}"

    @property
    def within(self) -> list[str]:
        """A command that runs the one behind it on this host."""
        temporary = Path(tempfile.gettempdir()).resolve()
        needed = {path for path in (_ROOT, Path(sys.prefix), Path(sys.base_prefix)) if path.is_relative_to("/tmp")}
        needed |= {temporary} - {Path("/tmp")} if temporary.is_relative_to("/tmp") else set()
        outermost = [str(path) for path in needed if not needed & set(path.parents)]
        enter = ["unshare", "--uts", "sh", "-c", _ENTER, "enter", str(self.folder), self.name, *outermost, "--"]
        return ["ip", "netns", "exec", self.name, *enter]

    def path(self, there: str) -> Path:
        """Return where a file below the host's ``/tmp`` lies as this machine sees it."""
        return self.folder / there.lstrip("/")

    def cut(self) -> None:
        """Pull the network cable: packets vanish, no connection is told."""
        self._port("down")

    def join(self) -> None:
        """Plug it in again."""
        self._port("up")

    def processes(self) -> list[psutil.Process]:
        """Return the live processes of this host."""
        return _processes_of(self.name)

    def of_application(self) -> dict[int, str]:
        """Return what runs here of Spark applications and their programs, by process id."""
        found = {}
        for process in self.processes():
            with suppress(psutil.Error):
                words = " ".join(process.cmdline()).strip()
                # The raylet's own command holds those with which it starts others.
                if process.name() != "raylet" and any(mark in words for mark in _OF_APPLICATION):
                    found[process.pid] = words[-80:]
        return found

    def listeners(self) -> list[Listener]:
        """Return the TCP sockets that listen on this host."""
        output = _run("ip", "netns", "exec", self.name, "ss", "-Hltnp")
        found = []
        for line in output.splitlines():
            address, _, port = line.split()[3].rpartition(":")
            owners = re.findall(r"pid=(\d+)", line)
            found += [Listener(address.strip("[]").partition("%")[0], int(port), int(pid)) for pid in owners]
        return found

    def _port(self, state: str) -> None:
        _run("ip", "-netns", _switch(self.network), "link", "set", f"port{self.number}", state)


@contextmanager
def network(count: int) -> Iterator[list[Host]]:
    """Make hosts that reach each other; in the end remove them with whatever still runs there."""
    name = f"raydp{os.getpid()}{secrets.token_hex(2)}"
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="raydp-hosts-")))
        _add_namespace(_switch(name), stack)
        _run("ip", "-netns", _switch(name), "link", "add", "bridge", "type", "bridge")
        _run("ip", "-netns", _switch(name), "address", "add", "10.77.0.254/24", "dev", "bridge")
        _run("ip", "-netns", _switch(name), "link", "set", "bridge", "up")
        hosts = [Host(name, number, base / str(number)) for number in range(1, count + 1)]
        names = "".join(f"{host.address} {host.name}\n" for host in hosts)
        for host in hosts:
            (host.folder / "tmp").mkdir(parents=True)
            (host.folder / "tmp").chmod(0o1777)
            (host.folder / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
            _add_namespace(host.name, stack)
            _connect(host)
        yield hosts


def of_program() -> list[Host]:
    """Return the hosts of the network that this program was started on by :meth:`RayHosts.start_program`."""
    name, count, base = os.environ["RAYDP_TEST_HOSTS"].split(":")
    return [Host(name, number, Path(base) / str(number)) for number in range(1, int(count) + 1)]


@dataclass
class RayHosts:
    """A Ray cluster with one node on each host, the first of which is its head; it asks for a token.

    Args:
        hosts: Those of a network.
        options: Of ``ray start``, by host.
        settings: Of Ray's core, for the cluster's nodes and all programs.
        token: What the cluster asks for.
    """

    hosts: list[Host]
    options: Mapping[Host, Sequence[str]]
    settings: Mapping[str, int]
    token: str = field(default_factory=lambda: secrets.token_hex(32))
    _nodes: dict[Host, subprocess.Popen[bytes]] = field(default_factory=dict, init=False)

    @property
    def address(self) -> str:
        return f"{self.hosts[0].address}:{_GCS_PORT}"

    def environment(self, host: Host) -> dict[str, str | None]:
        """Return what a process of the cluster's user finds in its environment.

        The first host has the token itself there, the others the name of a file with it.
        """
        network = self.hosts[0]
        return {
            # Not as a system configuration, which comes too late for the connections that it is read from.
            **{f"RAY_{name}": str(value) for name, value in self.settings.items()},
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token if host is network else None,
            "RAY_AUTH_TOKEN_PATH": None if host is network else "/tmp/token",
            "RAY_ADDRESS": None,
            "TMPDIR": None,
            "RAY_TMPDIR": None,
            "RAYDP_TEST_HOSTS": f"{network.network}:{len(self.hosts)}:{network.folder.parent}",
            # A host's working folder is another one.
            "PYTHONPATH": os.pathsep.join(
                map(os.path.abspath, filter(None, os.environ.get("PYTHONPATH", "").split(":")))
            ),
        }

    def start(self) -> None:
        """Start the nodes that do not run, one after the other, and wait for each; reconnect all hosts."""
        for host in self.hosts:
            host.join()
            if host not in self._nodes or self._nodes[host].poll() is not None:
                self._end_node(host)
                self._start_node(host)

    def start_program(self, host: Host, program: str, log: Path) -> subprocess.Popen[str]:
        """Start a program of tests/programs on a host, with the cluster's address as argument; see programs.start."""
        return programs.start(program, self.address, env=self.environment(host), log=log, within=host.within)

    def end(self) -> None:
        """End all nodes."""
        for host in reversed(self.hosts):
            self._end_node(host)

    def _start_node(self, host: Host) -> None:
        host.path("/tmp/token").write_text(self.token)
        host.path("/tmp/token").chmod(0o600)
        head = ["--head", f"--port={_GCS_PORT}", "--include-dashboard=false"]
        command = [
            *[sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"],
            *(head if host is self.hosts[0] else [f"--address={self.address}"]),
            *[f"--node-ip-address={host.address}", *self.options[host]],
        ]
        log = host.path("/tmp/ray-start.log")
        with log.open("wb") as output:
            node = subprocess.Popen(
                [*host.within, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=programs.environment({**self.environment(host), "PYTHONUNBUFFERED": "1"}),
                start_new_session=True,
            )
        self._nodes[host] = node
        deadline = time.monotonic() + _START_SECONDS
        while "Ray runtime started" not in log.read_text():
            with suppress(subprocess.TimeoutExpired):
                code = node.wait(_PAUSE_SECONDS)
                raise AssertionError(f"ray start ended with {code} on {host.name}:\n{log.read_text()}")
            assert time.monotonic() < deadline, f"no Ray on {host.name} in {_START_SECONDS} s:\n{log.read_text()}"

    def _end_node(self, host: Host) -> None:
        """End whatever runs on a host, and be ready for another node."""
        _end_processes(host.name)
        node = self._nodes.pop(host, None)
        if node is not None:
            node.wait(_END_SECONDS)
            shutil.rmtree(host.path("/tmp/ray"), ignore_errors=True)


def _switch(network: str) -> str:
    return f"{network}-switch"


def _add_namespace(name: str, stack: ExitStack) -> None:
    _run("ip", "netns", "add", name)
    stack.callback(_run, "ip", "netns", "delete", name)
    stack.callback(_end_processes, name)


def _connect(host: Host) -> None:
    inside, switch, port = ("ip", "-netns", host.name), _switch(host.network), f"port{host.number}"
    _run(*inside, "link", "set", "lo", "up")
    _run(*inside, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", switch)
    _run("ip", "-netns", switch, "link", "set", port, "master", "bridge", "up")
    _run(*inside, "address", "add", f"{host.address}/24", "dev", "eth0")
    _run(*inside, "link", "set", "eth0", "up")
    # It leads nowhere, but a host that has none is asked for its address in vain.
    _run(*inside, "route", "add", "default", "via", "10.77.0.254")


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def _processes_of(namespace: str) -> list[psutil.Process]:
    identity = (_NAMESPACES / namespace).stat().st_ino
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            inside = Path(f"/proc/{process.pid}/ns/net").stat().st_ino == identity
            if inside and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _end_processes(namespace: str) -> None:
    """End exactly the processes of a namespace, those too that they start in the meantime."""
    deadline = time.monotonic() + _END_SECONDS
    while left := _processes_of(namespace):
        assert time.monotonic() < deadline, f"processes that do not end: {left}"
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(left, timeout=1)
