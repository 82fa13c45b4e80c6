"""``start_standalone``: starts a Spark standalone cluster in Ray."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydp._application.settings import checked
from raydp._application.sizing import CORES, COUNT, MEMORY, choose_size
from raydp._configuration import registry
from raydp._configuration.arguments import check_whole_number, suggests_arguments
from raydp._configuration.memory_size import MEBIBYTE, parse_memory_size
from raydp._configuration.security import ui_link
from raydp._configuration.setting_texts import to_setting_texts
from raydp._doctor import check_address
from raydp._machine.console import tell
from raydp._machine.folder_guard import FolderGuard
from raydp._machine.interrupts import interrupts_deferred
from raydp._machine.java import find_java
from raydp._machine.port_reservation import PortReservation
from raydp._ray.cluster import join_cluster, node_resources
from raydp._standalone import known_masters  # noqa: F401  (its check must know the clusters)
from raydp._standalone.cluster import ClusterParts, StandaloneCluster, check_timeout
from raydp._standalone.daemon_actor import DaemonSpec
from raydp._standalone.daemons import Daemons
from raydp._standalone.master_client import MasterClient
from raydp._standalone.settings import ClusterSettings, write_properties
from raydp._standalone.sizes import LEAST_MEMORY, WORKER_HEAP, WorkerSize, await_room
from raydp._standalone.spark_installation import find_installation
from raydp.errors import ExecutorStartError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raydp._ray.cluster import RayCluster

__all__ = ["start_standalone"]

_MASTER_CLASS = "org.apache.spark.deploy.master.Master"
_WORKER_CLASS = "org.apache.spark.deploy.worker.Worker"
_MASTER_HEAP = "1g"  # Spark's default


@dataclass(frozen=True)
class _Request:
    """What a program asked for, checked."""

    sizes: Mapping[str, str]
    settings: Mapping[str, str]
    spark_home: str | None
    timeout: float


@suggests_arguments(
    num_executors="num_workers",
    workers="num_workers",
    cores="worker_cores",
    executor_cores="worker_cores",
    memory="worker_memory",
    executor_memory="worker_memory",
    conf="configs",
    settings="configs",
    timeout="timeout_seconds",
)
def start_standalone(
    num_workers: int | None = None,
    worker_cores: int | None = None,
    worker_memory: str | int | None = None,
    *,
    configs: Mapping[str, Any] | None = None,
    spark_home: str | os.PathLike[str] | None = None,
    timeout_seconds: float = 120.0,
) -> StandaloneCluster:
    """Start a Spark standalone cluster inside the Ray cluster: a master, and workers that run executors.

    Any Spark application can run on it, also several at once, in any language, with plain ``spark-submit``::

        with raydp.start_standalone(num_workers=2, worker_cores=2, worker_memory="4g") as cluster:
            subprocess.run(["spark-submit", "--properties-file", cluster.properties_file, "app.py"], check=True)

    Connects to Ray with ``ray.init()`` if the process is not connected yet. Returns when all workers have registered.
    Workers take their cores and their memory from Ray, and are replaced when they are lost. A lost master comes back,
    and running applications go on. All of it ends with :meth:`StandaloneCluster.stop`, with ``ray.shutdown()``, and
    with this program, also if it is killed.

    A PySpark application on it can exchange data with Ray: see :func:`raydp.attach`.

    Args:
        num_workers: Number of workers, 1 or more. By default as many as fit into half of the Ray cluster.
        worker_cores: CPU cores that each worker has for executors, 1 or more. By default half of those of the largest
            node, at most 4.
        worker_memory: What each worker has for the heaps of executors: bytes, or a string such as ``"4g"``; at least
            450 MiB. By default an equal part of half of the memory that Ray has on a node. Ray also reserves what
            executors need beside their heaps, and what the worker's own process needs.
        configs: Settings of the daemons and of the applications, such as ``{"spark.eventLog.enabled": True}``.
        spark_home: Folder of the Spark to run, on every node: any version. By default ``SPARK_HOME``, otherwise the
            ``pyspark`` package.
        timeout_seconds: How long to wait for free resources, and again for the workers to register.

    Returns:
        The cluster.

    Raises:
        InvalidArgumentError: An argument or a setting is wrong.
        MissingRequirementError: Java is missing, or ``spark_home`` has no Spark.
        ClusterError: Ray cannot be reached, or cannot hold such workers.
        ExecutorStartError: The master or a worker did not start. The message ends with the last lines of its log.
    """
    check_timeout(timeout_seconds)
    request = _Request(
        sizes=_sizes(num_workers, worker_cores, worker_memory),
        settings=_settings(configs),
        spark_home=_spark_home(spark_home),
        timeout=timeout_seconds,
    )
    installation = find_installation(request.spark_home)
    find_java()
    settings = ClusterSettings.create(request.settings, has_token_filter=installation.has_token_filter)
    ray_cluster = join_cluster("ray")
    check_address(ray_cluster.node_address)
    size, count = _choose(request.sizes)
    await_room(size, count, request.timeout)
    with contextlib.ExitStack() as undo:
        with interrupts_deferred():  # otherwise Ctrl-C could leave a cluster that nobody has
            cluster = undo.enter_context(_create(request, ray_cluster, settings, size))
        _add_workers(cluster, count, request.timeout, ray_cluster)
        if registry.BANNER.get(request.settings):
            _tell(cluster, size)
        undo.pop_all()
    return cluster


def _add_workers(cluster: StandaloneCluster, count: int, timeout: float, ray_cluster: RayCluster) -> None:
    found = cluster.scale(count, timeout_seconds=timeout)
    if found < count:
        raise ExecutorStartError(
            "The workers of the Spark standalone cluster did not register with its master in time. Is the machine "
            "overloaded, or does a firewall keep the nodes apart? Their logs are in the folder of Ray's logs on "
            f"their nodes. Registered: {found} of {count}; waited {timeout:.0f} s; logs: "
            f"{ray_cluster.log_folder}"
        )


def _create(
    request: _Request, ray_cluster: RayCluster, settings: ClusterSettings, size: WorkerSize
) -> StandaloneCluster:
    """Request the master; return the cluster, which owns everything."""
    host = ray_cluster.node_address
    name = f"raydp-standalone-{secrets.token_hex(4)}"
    ui_host = host if settings.has_token_filter else "127.0.0.1"
    ports = rpc, ui = PortReservation(host), PortReservation(ui_host)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    guard = FolderGuard([folder])
    master_url = f"spark://{_in_url(host)}:{rpc.port}"
    ui_address = f"http://{_in_url(ui_host)}:{ui.port}"
    recovery = folder / "recovery"
    recovery.mkdir(mode=0o700)
    properties_file = folder / "spark.conf"
    client_settings = settings.of_clients(master_url, host, size.memory)
    write_properties(properties_file, client_settings)
    spark_home = request.spark_home
    daemons = Daemons(name, _worker_spec(name, spark_home, settings, size, master_url), size.demand)
    cluster = StandaloneCluster(
        ClusterParts(
            ray=ray_cluster,
            master_url=master_url,
            ui_url=ui_link(ui_address, settings.ui_token),
            properties_file=properties_file,
            settings=client_settings,
            size=size,
            daemons=daemons,
            client=MasterClient(ui_address, settings.ui_token),
            ports=ports,
            guard=guard,
        )
    )
    try:
        daemons.start_master(_master_spec(name, spark_home, settings, (rpc.port, ui.port), recovery))
    except BaseException:
        cluster.stop()
        raise
    return cluster


def _master_spec(
    name: str, spark_home: str | None, settings: ClusterSettings, ports: tuple[int, int], recovery: Path
) -> DaemonSpec:
    port, ui_port = ports
    return DaemonSpec(
        name=f"{name}-master",
        main_class=_MASTER_CLASS,
        arguments=("--port", str(port), "--webui-port", str(ui_port)),
        settings=settings.of_master(ui_port, recovery),
        has_work=False,
        heap=_MASTER_HEAP,
        spark_home=spark_home,
    )


def _worker_spec(
    name: str, spark_home: str | None, settings: ClusterSettings, size: WorkerSize, master_url: str
) -> DaemonSpec:
    offered = ("--cores", str(size.cores), "--memory", f"{size.memory // MEBIBYTE}m")
    return DaemonSpec(
        name=f"{name}-worker",
        main_class=_WORKER_CLASS,
        arguments=("--port", "0", "--webui-port", "0", *offered, master_url),
        settings=settings.of_worker(),
        has_work=True,
        heap=WORKER_HEAP,
        spark_home=spark_home,
    )


def _sizes(num_workers: int | None, worker_cores: int | None, worker_memory: str | int | None) -> dict[str, str]:
    """Return the given sizes by the settings of executors, which have the same defaults."""
    sizes = {}
    if num_workers is not None:
        sizes[COUNT] = str(check_whole_number("num_workers", num_workers))
    if worker_cores is not None:
        sizes[CORES] = str(check_whole_number("worker_cores", worker_cores))
    if worker_memory is not None:
        memory = parse_memory_size(worker_memory)
        if memory < LEAST_MEMORY:
            raise InvalidArgumentError(
                "A worker needs at least 450m for executors, of which Spark reserves 300m for itself. "
                f"worker_memory: {worker_memory}"
            )
        sizes[MEMORY] = f"{memory // MEBIBYTE}m"
    return sizes


def _choose(sizes: Mapping[str, str]) -> tuple[WorkerSize, int]:
    known = {**sizes, **choose_size(sizes, node_resources().values())}
    return WorkerSize(int(known[CORES]), parse_memory_size(known[MEMORY])), int(known[COUNT])


def _settings(configs: Mapping[str, Any] | None) -> dict[str, str]:
    settings = to_setting_texts(configs)
    if "spark.master" in settings:
        raise InvalidArgumentError(
            "The master of a standalone cluster is the one that is started, so its URL cannot be set. Leave it out. "
            f"spark.master: {settings['spark.master']}"
        )
    return checked(settings)


def _spark_home(given: str | os.PathLike[str] | None) -> str | None:
    if given is not None and not isinstance(given, (str, os.PathLike)):
        raise InvalidArgumentError(f"spark_home must be the path of a folder; got: {given!r}")
    chosen = given or os.environ.get("SPARK_HOME")
    return None if not chosen else str(Path(chosen).absolute())


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _tell(cluster: StandaloneCluster, size: WorkerSize) -> None:
    workers = f"{cluster.num_workers} worker{'' if cluster.num_workers == 1 else 's'}"
    # Only a terminal shows the token, because anything else may be kept as a log.
    shown = sys.stderr.isatty() or "?" not in cluster.ui_url
    ui = cluster.ui_url if shown else f"{cluster.ui_url.partition('/?')[0]} (ui_url has the link that opens it)"
    tell(
        f"a Spark standalone cluster runs on Ray: {cluster.master_url}, {workers} with {size}; "
        f"settings for clients: {cluster.properties_file}; UI: {ui}"
    )
