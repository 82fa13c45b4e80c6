"""``init_spark`` and ``stop_spark``."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession

from raydp._application import current_application, end, start, submitted
from raydp._application.lifecycle import lifecycle
from raydp._application.settings import checked
from raydp._application.sizing import SIZE_ARGUMENTS
from raydp._configuration.arguments import check_choice, check_whole_number, suggests_arguments
from raydp._configuration.memory_size import MEBIBYTE, parse_memory_size
from raydp._configuration.setting_texts import to_setting_texts
from raydp._machine.interrupts import interrupts_deferred
from raydp._ray.placement import given_group_settings
from raydp._session.connect_server import ConnectServer, check_client, server_settings, token_for_server
from raydp._session.setting_arguments import to_settings
from raydp._session.standalone_session import find_standalone_session, start_standalone_session
from raydp._spark import internals as _spark_internals
from raydp.errors import InvalidArgumentError, SessionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ray.util.placement_group import PlacementGroup

__all__ = ["connect_url", "init_spark", "stop_spark"]

_STANDALONE = "standalone"
_DEPLOYMENTS = ("native", _STANDALONE)

_calls = threading.RLock()
"""Held during a whole call. The lifecycle's own lock cannot be, because PySpark calls raydp with its locks held."""


@dataclass(frozen=True)
class _Request:
    """What a program asked ``init_spark`` for; two equal requests get the same session."""

    app_name: str
    enable_hive: bool
    deployment: str
    connect: bool
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _StartedSession:
    """A session that ``init_spark`` returned, and for which request."""

    request: _Request
    spark: SparkSession
    server: ConnectServer | None

    def of_program(self) -> SparkSession:
        """Return the session that the program gets."""
        return self.spark if self.server is None else self.server.running_session()

    def forget(self) -> None:
        """Forget its settings, because it has ended."""
        _forget_builder_options(self.request)
        if self.server is not None:
            self.server.close()


@suggests_arguments(
    name="app_name",
    num_workers="num_executors",
    instances="num_executors",
    cores="executor_cores",
    memory="executor_memory",
    conf="configs",
    settings="configs",
    hive="enable_hive",
    remote="connect",
    connect_server="connect",
)
def init_spark(
    app_name: str = "raydp",
    num_executors: int | None = None,
    executor_cores: int | None = None,
    executor_memory: str | int | None = None,
    enable_hive: bool = False,  # noqa: FBT001, FBT002  (position and name as in RayDP 1.6)
    fault_tolerant_mode: bool = True,  # noqa: FBT001, FBT002
    placement_group_strategy: str | None = None,
    placement_group: PlacementGroup | None = None,
    placement_group_bundle_indexes: Sequence[int] | None = None,
    configs: Mapping[str, Any] | None = None,
    deployment: str = "native",
    *,
    connect: bool = False,
) -> SparkSession:
    """Start a Spark application whose executors run inside the Ray cluster.

    Connects to Ray with ``ray.init()`` if the process is not connected yet. Returns when the first executor has
    registered; the others join as they start.

    Without sizes, executors take half of each node's CPUs and half of its memory, and a line says what they took. The
    rest is for Ray's tasks. Executors keep what they have until :func:`stop_spark`, or until the end of a ``with``::

        with raydp.init_spark() as spark:
            spark.range(100).count()

    Args:
        app_name: Name of the Spark application.
        num_executors: Number of executors to start with, 1 or more; 0 or more with dynamic allocation. By default as
            many as fit into half of the cluster.
        executor_cores: CPU cores of each executor, 1 or more. By default half of those of the largest node, at most 4.
        executor_memory: Heap of each executor: bytes, or a string such as ``"500MB"`` or ``"4g"``; at
            least 450 MiB. By default an equal part of half of the memory that Ray has on a node. Ray also reserves
            Spark's overhead, off-heap and PySpark memory.
        enable_hive: Use Hive's catalog and functions.
        fault_tolerant_mode: If a node of the cluster is lost, let Spark recompute the blocks that it held, until the
            application stops. Blocks outlive executors and Spark in either case.
        placement_group_strategy: ``"PACK"``, ``"SPREAD"``, ``"STRICT_PACK"`` or ``"STRICT_SPREAD"``: reserve one
            bundle per executor in this arrangement, and remove the bundles with the application.
        placement_group: An existing placement group to run the executors in.
        placement_group_bundle_indexes: The bundles of that group to use, in turn; all by default.
        configs: Further Spark settings. Values are converted to strings: lists are joined with commas, and dicts
            become JSON.
        deployment: How executors run: ``"native"``, as Ray's own processes, or ``"standalone"``, in a Spark standalone
            cluster that :func:`start_standalone` starts in Ray, with one worker for each executor. The cluster ends
            with the session.
        connect: Also start a Spark Connect server in the driver JVM, on this machine, and return a session of it.
            Other programs use it with the address that :func:`connect_url` returns. The application runs until
            :func:`stop_spark`; the end of a ``with`` ends only the session. Needs ``raydp[connect]``.

    Returns:
        The session. A second call with the same arguments returns the same session.

    Raises:
        InvalidArgumentError: An argument or a setting is wrong.
        MissingRequirementError: Java or a package is missing, or Ray would use a different Java.
        SessionError: A session with other arguments, or one that raydp did not start, runs in this process.
        ClusterError: Ray cannot be reached, or cannot hold such executors.
        ExecutorStartError: The executors did not start. The message ends with the last lines of their logs.
    """
    check_choice("deployment", deployment, _DEPLOYMENTS)
    settings = _settings(num_executors, executor_cores, executor_memory, configs)
    settings |= _placement_settings(placement_group_strategy, placement_group, placement_group_bundle_indexes)
    settings |= to_settings(
        fault_tolerant_mode=None if _flag("fault_tolerant_mode", fault_tolerant_mode) else False,
        placement_group_strategy=placement_group_strategy,
    )
    if deployment == _STANDALONE:
        _refuse_placement(placement_group_strategy, placement_group)
    if _flag("connect", connect):
        _refuse_standalone_server(deployment)
        settings |= server_settings(settings)
        check_client()
    request = _Request(_name(app_name), _flag("enable_hive", enable_hive), deployment, connect, settings)
    with _calls:
        end.end_if_dead()
        if _spark_internals.is_context_active():
            checked(settings)  # else the start does it
            return _same_session(request)
        start.refuse_spark_connect()
        lifecycle.forget_session()
        try:
            started = _start(request)
            lifecycle.note_session(started)
        except BaseException as error:
            _forget_builder_options(request)
            if not isinstance(error, Exception):  # an interrupt can come when the context is up already
                end.end_at_exit()
            raise
        return started.of_program()


def connect_url() -> str:
    """Return the address of the Spark Connect server that ``init_spark(connect=True)`` has started.

    Programs on this machine use it with ``SparkSession.builder.remote(url)``. It contains a token, without which the
    server refuses them. They are as trusted as this program: what they run, runs as its user.

    Raises:
        SessionError: No application with such a server runs in this program.
    """
    started: _StartedSession | None = lifecycle.session
    if started is None or started.server is None:
        raise SessionError(
            "No application with a Spark Connect server runs in this program. Start one with "
            "raydp.init_spark(..., connect=True)"
        )
    current_application()  # raises the error that says how it has ended
    return started.server.url


@suggests_arguments()
def stop_spark(cleanup_data: bool = True) -> None:  # noqa: FBT001, FBT002  (as in RayDP 1.6)
    """Stop the Spark application: its executors, its other actors and the driver JVM.

    Blocks of a Ray ``Dataset`` that the program holds stay readable. Does nothing if no application runs. Also runs
    when the program exits or calls ``ray.shutdown()``. It is no error if the JVM or Ray has ended before, or hangs:
    then this takes 10 s at most. Ctrl-C takes effect when Spark has stopped.

    Args:
        cleanup_data: Also free the blocks that only DataFrames hold (made by ``to_spark``). With ``False`` they
            stay in Ray's object store until the program exits.
    """
    keep_data = not _flag("cleanup_data", cleanup_data)
    with _calls, interrupts_deferred():
        standalone = find_standalone_session()
        lifecycle.forget_session()
        try:
            if standalone is not None:
                standalone.stop()
            end.stop(keep_data=keep_data)
        finally:
            end.end_jvm()


def _session(request: _Request) -> SparkSession:
    if request.deployment == _STANDALONE:
        return start_standalone_session(request.app_name, request.settings, enable_hive=request.enable_hive)
    builder = SparkSession.builder.master("ray").appName(request.app_name)
    builder = builder.config(map=dict(request.settings))
    if request.enable_hive:
        builder = builder.enableHiveSupport()
    with submitted.sizes_named(SIZE_ARGUMENTS):
        return builder.getOrCreate()


def _refuse_standalone_server(deployment: str) -> None:
    if deployment == _STANDALONE:
        raise InvalidArgumentError(
            "connect=True starts a Spark Connect server in an application with the native deployment only; got "
            f"deployment: {deployment!r}"
        )


def _start(request: _Request) -> _StartedSession:
    if not request.connect:
        return _StartedSession(request, _session(request), None)
    with token_for_server(request.settings) as token:
        spark = _session(request)
    try:
        return _StartedSession(request, spark, ConnectServer.of_running_jvm(token))
    except BaseException:
        try:
            end.stop(keep_data=False)
        finally:
            end.end_jvm()
        raise


def _same_session(request: _Request) -> SparkSession:
    started: _StartedSession | None = lifecycle.session
    if started is None or not _spark_internals.is_running(started.spark):
        raise SessionError(
            "A Spark session that was not started by raydp.init_spark runs in this process, and Spark allows one at a "
            "time. Use that one, or call its stop() first"
        )
    if started.request == request:
        return started.of_program()
    differing = _differences(started.request, request)
    raise SessionError(
        "raydp.init_spark was called before with other arguments, and Spark allows one application per process. Call "
        f"raydp.stop_spark() first, or use the same arguments. They differ in: {differing}"
    )


def _differences(first: _Request, second: _Request) -> str:
    def flat(request: _Request) -> dict[str, Any]:
        arguments = {name: getattr(request, name) for name in ("app_name", "enable_hive", "deployment", "connect")}
        return {**arguments, **request.settings}

    old, new = flat(first), flat(second)
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return "; ".join(f"{name}: {old.get(name)!r} before, {new.get(name)!r} now" for name in names)


def _name(app_name: str) -> str:
    if not isinstance(app_name, str) or not app_name.strip():
        raise InvalidArgumentError(f"app_name must be a string that is not empty; got: {app_name!r}")
    return app_name


def _refuse_placement(strategy: str | None, group: PlacementGroup | None) -> None:
    if strategy is not None or group is not None:
        raise InvalidArgumentError(
            "Placement groups are for executors that are Ray's own processes. Leave out the arguments that begin with "
            "placement_group, or deployment. deployment: 'standalone'"
        )


def _flag(name: str, value: bool) -> bool:  # noqa: FBT001
    if not isinstance(value, bool):
        raise InvalidArgumentError(f"{name} must be True or False; got {type(value).__name__}: {value!r}")
    return value


def _settings(
    num_executors: int | None,
    executor_cores: int | None,
    executor_memory: str | int | None,
    configs: Mapping[str, Any] | None,
) -> dict[str, str]:
    settings = to_setting_texts(configs)
    if executor_memory is not None:
        settings["spark.executor.memory"] = f"{parse_memory_size(executor_memory) // MEBIBYTE}m"
    if num_executors is not None:
        is_dynamic = settings.get("spark.dynamicAllocation.enabled", "").lower() == "true"
        count = check_whole_number("num_executors", num_executors, least=0 if is_dynamic else 1)
        settings["spark.executor.instances"] = str(count)
    if executor_cores is not None:
        settings["spark.executor.cores"] = str(check_whole_number("executor_cores", executor_cores))
    return settings


def _placement_settings(
    strategy: str | None, group: PlacementGroup | None, indexes: Sequence[int] | None
) -> dict[str, str]:
    if strategy is not None and group is not None:
        raise InvalidArgumentError(
            "Give either placement_group_strategy, for a group that is made for the application, or an existing "
            f"placement_group, not both. Strategy: {strategy!r}"
        )
    if group is not None:
        return given_group_settings(group, indexes)
    if indexes is not None and strategy is None:
        raise InvalidArgumentError(
            "placement_group_bundle_indexes needs the placement_group that has the bundles; "
            f"got indexes without one: {list(indexes)}"
        )
    return {}


def _forget_builder_options(request: _Request) -> None:
    """Remove the application's settings from PySpark's process-wide builder, or the next session would get them."""
    _spark_internals.forget_builder_options({"spark.master", "spark.app.name", *request.settings})
