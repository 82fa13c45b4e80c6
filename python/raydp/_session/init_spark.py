"""``init_spark`` and ``stop_spark``."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession

from raydp._application import application as _application
from raydp._configuration import former_names as _former_names
from raydp._configuration import registry as _configuration
from raydp._configuration.memory_size import MEBIBYTE, parse_memory_size
from raydp._ray import placement as _placement
from raydp._spark import internals as _spark_internals
from raydp.errors import InvalidArgumentError, SessionError

if TYPE_CHECKING:
    from ray.util.placement_group import PlacementGroup

__all__ = ["init_spark", "stop_spark"]

_lock = threading.RLock()


@dataclass(frozen=True)
class _Request:
    """What a program asked ``init_spark`` for; two equal ones mean the same session."""

    app_name: str
    enable_hive: bool
    settings: Mapping[str, str] = field(default_factory=dict)


_running: tuple[_Request, SparkSession] | None = None


def init_spark(
    app_name: str,
    num_executors: int,
    executor_cores: int,
    executor_memory: str | int,
    enable_hive: bool = False,  # noqa: FBT001, FBT002  (position and name as in RayDP 1.6)
    fault_tolerant_mode: bool = True,  # noqa: FBT001, FBT002
    placement_group_strategy: str | None = None,
    placement_group: PlacementGroup | None = None,
    placement_group_bundle_indexes: Sequence[int] | None = None,
    configs: Mapping[str, Any] | None = None,
) -> SparkSession:
    """Start a Spark application whose executors run inside the Ray cluster.

    Connects to Ray with ``ray.init()`` first if nobody has. Returns when the first executor has
    registered; the others join as they come up.

    Args:
        app_name: Name of the Spark application.
        num_executors: Number of executors to start with, 1 or more.
        executor_cores: CPU cores of each executor, 1 or more.
        executor_memory: Heap of each executor: bytes, or a string such as ``"500MB"`` or ``"4g"``; at
            least 450 MiB. Ray is asked for Spark's overhead, off-heap and PySpark memory on top.
        enable_hive: Use Hive's catalog and functions.
        fault_tolerant_mode: Have Spark make blocks again that were lost with a node of the cluster, for as long as
            the application lives. Blocks outlive executors and Spark either way.
        placement_group_strategy: ``"PACK"``, ``"SPREAD"``, ``"STRICT_PACK"`` or ``"STRICT_SPREAD"``: reserve one
            bundle per executor, arranged so, and remove them with the application.
        placement_group: An existing placement group to run the executors in.
        placement_group_bundle_indexes: Which bundles of that group to use, in turn; all by default.
        configs: Further Spark settings; values are turned into strings.

    Returns:
        The session. A second call with the same arguments returns the same session.

    Raises:
        InvalidArgumentError: An argument or a setting is wrong.
        MissingRequirementError: There is no Java, or another one than Ray would use.
        SessionError: A session with other arguments, or one that is not ours, runs in this process.
        ClusterError: Ray cannot be reached, or cannot hold such executors.
        ExecutorStartError: The executors did not come up; the message ends with their logs' last lines.
    """
    global _running
    settings = _settings(num_executors, executor_cores, executor_memory, configs)
    if not _flag("fault_tolerant_mode", fault_tolerant_mode):
        settings[_configuration.FAULT_TOLERANT.key] = "false"
    settings |= _placement_settings(placement_group_strategy, placement_group, placement_group_bundle_indexes)
    request = _Request(_name(app_name), _flag("enable_hive", enable_hive), settings)
    _configuration.check(_former_names.translate(settings))
    with _lock:
        if _spark_internals.is_context_active():
            return _same_session(request)
        _application.refuse_connect()
        builder = SparkSession.builder.master("ray").appName(request.app_name)
        builder = builder.config(map=dict(settings))
        if request.enable_hive:
            builder = builder.enableHiveSupport()
        spark = builder.getOrCreate()
        _running = (request, spark)
        return spark


def stop_spark(cleanup_data: bool = True) -> None:  # noqa: FBT001, FBT002  (as in RayDP 1.6)
    """Stop the Spark application: its executors, its actors and the driver's JVM.

    Blocks that a Ray ``Dataset`` in the program's hands holds stay readable. Does nothing when no
    application runs. Called at the end of the program as well.

    Args:
        cleanup_data: Also release the blocks that only DataFrames held (made by ``to_spark``). With
            ``False`` they stay in Ray's store until the program ends.
    """
    global _running
    with _lock:
        running, _running = _running, None
        try:
            _application.stop(keep_data=not _flag("cleanup_data", cleanup_data))
            if running is not None:
                _forget_builder_options(running[0])
        finally:
            _application.end_jvm()


def _same_session(request: _Request) -> SparkSession:
    if _running is not None and _running[0] == request:
        return _running[1]
    if _running is None:
        raise SessionError(
            "A Spark session that was not started by raydp.init_spark runs in this process, and Spark allows one at a "
            "time. Use that one, or call its stop() first"
        )
    differing = _differences(_running[0], request)
    raise SessionError(
        "raydp.init_spark was called before with other arguments, and Spark allows one application per process. Call "
        f"raydp.stop_spark() first, or use the same arguments. They differ in: {differing}"
    )


def _differences(first: _Request, second: _Request) -> str:
    def flat(request: _Request) -> dict[str, Any]:
        return {"app_name": request.app_name, "enable_hive": request.enable_hive, **request.settings}

    old, new = flat(first), flat(second)
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return "; ".join(f"{name}: {old.get(name)!r} before, {new.get(name)!r} now" for name in names)


def _name(app_name: str) -> str:
    if not isinstance(app_name, str) or not app_name.strip():
        raise InvalidArgumentError(f"app_name must be a string that is not empty; got: {app_name!r}")
    return app_name


def _flag(name: str, value: bool) -> bool:  # noqa: FBT001
    if not isinstance(value, bool):
        raise InvalidArgumentError(f"{name} must be True or False; got {type(value).__name__}: {value!r}")
    return value


def _count(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidArgumentError(f"{name} must be a whole number of at least 1; got: {value!r}")
    return value


def _settings(
    num_executors: int, executor_cores: int, executor_memory: str | int, configs: Mapping[str, Any] | None
) -> dict[str, str]:
    if configs is not None and not isinstance(configs, Mapping):
        raise InvalidArgumentError(f"configs must be a dict of Spark settings; got {type(configs).__name__}")
    memory = parse_memory_size(executor_memory) // MEBIBYTE
    return {
        **{str(key): _text(value) for key, value in (configs or {}).items()},
        "spark.executor.instances": str(_count("num_executors", num_executors)),
        "spark.executor.cores": str(_count("executor_cores", executor_cores)),
        "spark.executor.memory": f"{memory}m",
    }


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _placement_settings(
    strategy: str | None, group: PlacementGroup | None, indexes: Sequence[int] | None
) -> dict[str, str]:
    if strategy is not None and group is not None:
        raise InvalidArgumentError(
            "Give either placement_group_strategy, for a group that is made for the application, or an existing "
            f"placement_group, not both. Strategy: {strategy!r}"
        )
    if strategy is not None:
        if strategy not in _configuration.STRATEGIES:
            raise InvalidArgumentError(
                f"There is no such placement strategy; use one of {', '.join(_configuration.STRATEGIES)}. "
                f"placement_group_strategy: {strategy!r}"
            )
        return {_configuration.PLACEMENT_GROUP_STRATEGY.key: strategy}
    if group is not None:
        return _placement.given_group_settings(group, indexes)
    if indexes is not None:
        raise InvalidArgumentError(
            "placement_group_bundle_indexes needs the placement_group whose bundles they are; "
            f"got indexes without one: {list(indexes)}"
        )
    return {}


def _forget_builder_options(request: _Request) -> None:
    """Take the application's settings out of PySpark's process-wide builder, or the next session would get them."""
    _spark_internals.forget_builder_options({"spark.master", "spark.app.name", *request.settings})


atexit.register(stop_spark)
