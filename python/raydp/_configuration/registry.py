"""Every ``spark.raydp.*`` setting, in Python.

The JVM's registry has the same keys, forms and defaults, and their documentation (``docs/configuration.md``). A test
compares the two. Python has its own registry to reject wrong settings before Ray or a JVM is started.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from raydp._configuration import setting as forms
from raydp._configuration.memory_size import MEBIBYTE, parse_memory_size
from raydp._configuration.setting import ResourceSettings, Setting
from raydp._configuration.suggestions import did_you_mean, find_nearest
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "RESOURCES",
    "SETTINGS",
    "check",
    "infeasible_timeout",
    "progress",
]

PREFIX = "spark.raydp."
STRATEGIES = ("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD")

_MINIMUM_EXECUTOR_MEMORY = 450 * MEBIBYTE
_SMALLEST_BLOCK, _LARGEST_BLOCK = MEBIBYTE, 1 << 30
_FIXED_SECONDS, _GROWING_SECONDS = 20.0, 1800.0
_SMALLEST_SERVICE = 128 << 20
_LARGEST_SERVICE = 64 << 30
_SMALLEST_PORT, _LARGEST_PORT = 1024, 65535
_SECONDS = "a number of seconds above 0"
_BOOLEAN = "true or false"
_CLASS_PATH = "a class path"
_OPTIONS = "JVM options separated by spaces"
_LOGGING = "a log4j 2 configuration: a path, a URL, or a name on the class path"


def _application_id(value: str) -> str | None:
    return value if re.fullmatch(r"[A-Za-z0-9._-]{1,40}", value) else None


def _strategy(value: str) -> str | None:
    return value if value in STRATEGIES else None


def _block_size(value: str) -> int | None:
    size = forms.byte_size(value)
    return size if size is not None and _SMALLEST_BLOCK <= size <= _LARGEST_BLOCK else None


def _service_memory(value: str) -> int | None:
    size = forms.byte_size(value)
    return size if size is not None and _SMALLEST_SERVICE <= size <= _LARGEST_SERVICE else None


def _patience(value: str) -> float | str | None:
    return "auto" if value.lower() == "auto" else forms.seconds(value)


def _switch(value: str) -> str | None:
    return value.lower() if value.lower() == "auto" or forms.boolean(value) is not None else None


def _port(value: str) -> int | None:
    port = forms.whole_number(value)
    return port if port == 0 or (port is not None and _SMALLEST_PORT <= port <= _LARGEST_PORT) else None


def _transport(value: str) -> str | None:
    return value.lower() if value.lower() in {"auto", "shared-memory"} else None


APPLICATION_ID = Setting("spark.raydp.app.id", "1 to 40 letters, digits, '.', '_' or '-'", None, _application_id)
START_TIMEOUT = Setting("spark.raydp.executor.startTimeout", _SECONDS, "120", forms.seconds)
INFEASIBLE_TIMEOUT = Setting(
    "spark.raydp.executor.infeasibleTimeout", "auto, or a number of seconds above 0", "auto", _patience
)
MAX_CONSECUTIVE_FAILURES = Setting(
    "spark.raydp.executor.maxConsecutiveFailures", "a whole number above 0", "5", forms.positive_integer
)
EXECUTOR_CLASS_PATH = Setting("spark.raydp.executor.classPath", _CLASS_PATH, None, forms.text)
EXECUTOR_CLASS_DATA_ARCHIVE = Setting("spark.raydp.executor.classDataArchive", "a path", None, forms.text)
ARCHIVE_CLASSES = Setting("spark.raydp.archiveClasses", _BOOLEAN, "true", forms.boolean)
EXECUTOR_EXTRA_CLASS_PATH = Setting(
    "spark.raydp.executor.extraClassPath",
    _CLASS_PATH,
    None,
    forms.text,
    ("raydp.executor.extraClassPath", "spark.ray.preferClassPath"),
)
EXECUTOR_MODULE_OPTIONS = Setting("spark.raydp.executor.moduleOptions", _OPTIONS, None, forms.text)
EXECUTOR_LOGGING = Setting(
    "spark.raydp.executor.log4jConfiguration",
    _LOGGING,
    None,
    forms.text,
    ("spark.ray.log4j.config.file.name",),
)
DRIVER_LOGGING = Setting(
    "spark.raydp.driver.log4jConfiguration", _LOGGING, None, forms.text, ("spark.log4j.config.file.name",)
)
APP_MASTER_JAVA_OPTIONS = Setting(
    "spark.raydp.appMaster.extraJavaOptions",
    _OPTIONS,
    None,
    forms.text,
    ("spark.ray.raydp_app_master.extraJavaOptions",),
)
PLACEMENT_GROUP_ID = Setting(
    "spark.raydp.placementGroup.id",
    "a placement group's id in hexadecimal",
    None,
    forms.hexadecimal,
    ("spark.ray.placement_group",),
)
PLACEMENT_GROUP_BUNDLE_INDEXES = Setting(
    "spark.raydp.placementGroup.bundleIndexes",
    "whole numbers separated by commas",
    None,
    forms.indexes,
    ("spark.ray.bundle_indexes",),
)
PLACEMENT_GROUP_STRATEGY = Setting(
    "spark.raydp.placementGroup.strategy",
    "PACK, SPREAD, STRICT_PACK or STRICT_SPREAD",
    None,
    _strategy,
    argument="placement_group_strategy",
)
SHUFFLE_SERVICE_MEMORY = Setting(
    "spark.raydp.shuffleService.memory", "a size from 128m to 64g", "512m", _service_memory
)
RUNTIME_ENV = Setting("spark.raydp.runtimeEnv", "a JSON object", None, forms.text)
EXCHANGE_BLOCK_SIZE = Setting("spark.raydp.exchange.blockSize", "a size from 1m to 1g", "64m", _block_size)
EXCHANGE_SOCKET = Setting("spark.raydp.exchange.socket", "the path of a Unix socket", None, forms.text)
EXCHANGE_TIMEOUT = Setting("spark.raydp.exchange.timeout", _SECONDS, "600", forms.seconds)
EXCHANGE_FAULT_TOLERANT = Setting(
    "spark.raydp.exchange.faultTolerant", _BOOLEAN, "true", forms.boolean, argument="fault_tolerant_mode"
)
EXCHANGE_TRANSPORT = Setting("spark.raydp.exchange.transport", "auto or shared-memory", "auto", _transport)
EXCHANGE_RELAY_PORT = Setting("spark.raydp.exchange.relay.port", "0, or a port from 1024 to 65535", "0", _port)
NETWORK_ENCRYPTION = Setting("spark.raydp.network.encryption", _BOOLEAN, "false", forms.boolean)
UI_TOKEN = Setting("spark.raydp.ui.token", _BOOLEAN, "true", forms.boolean)
METRICS = Setting("spark.raydp.metrics", _BOOLEAN, "true", forms.boolean)
PROGRESS = Setting("spark.raydp.progress", "true, false or auto", "auto", _switch)
BANNER = Setting("spark.raydp.banner", _BOOLEAN, "true", forms.boolean)

SETTINGS: tuple[Setting[Any], ...] = (
    APPLICATION_ID,
    START_TIMEOUT,
    INFEASIBLE_TIMEOUT,
    MAX_CONSECUTIVE_FAILURES,
    EXECUTOR_CLASS_PATH,
    EXECUTOR_CLASS_DATA_ARCHIVE,
    ARCHIVE_CLASSES,
    EXECUTOR_EXTRA_CLASS_PATH,
    EXECUTOR_MODULE_OPTIONS,
    EXECUTOR_LOGGING,
    DRIVER_LOGGING,
    APP_MASTER_JAVA_OPTIONS,
    PLACEMENT_GROUP_ID,
    PLACEMENT_GROUP_BUNDLE_INDEXES,
    PLACEMENT_GROUP_STRATEGY,
    SHUFFLE_SERVICE_MEMORY,
    RUNTIME_ENV,
    EXCHANGE_BLOCK_SIZE,
    EXCHANGE_SOCKET,
    EXCHANGE_TIMEOUT,
    EXCHANGE_FAULT_TOLERANT,
    EXCHANGE_TRANSPORT,
    EXCHANGE_RELAY_PORT,
    NETWORK_ENCRYPTION,
    UI_TOKEN,
    METRICS,
    PROGRESS,
    BANNER,
)

EXECUTOR_RESOURCES = ResourceSettings(
    "spark.raydp.executor.resource.",
    ("spark.ray.raydp_spark_executor.actor.resource.", "spark.ray.actor.resource."),
)
APP_MASTER_RESOURCES = ResourceSettings(
    "spark.raydp.appMaster.resource.",
    ("spark.ray.raydp_spark_master.actor.resource.", "spark.ray.raydp_spark_master.resource."),
)
RESOURCES = (EXECUTOR_RESOURCES, APP_MASTER_RESOURCES)

_JAVA_OPTIONS = (
    "spark.driver.defaultJavaOptions",
    "spark.driver.extraJavaOptions",
    "spark.executor.defaultJavaOptions",
    "spark.executor.extraJavaOptions",
    EXECUTOR_MODULE_OPTIONS.key,
    APP_MASTER_JAVA_OPTIONS.key,
)
"""Settings whose text a shell would divide into words."""


def progress(settings: Mapping[str, str]) -> bool | None:
    """Return whether to show progress bars; ``None`` if standard error is a terminal."""
    return forms.boolean(PROGRESS.get(settings))


def infeasible_timeout(settings: Mapping[str, str], *, grows: bool) -> float:
    """Return how many seconds to wait for a node that can hold an executor.

    Args:
        settings: Spark configuration.
        grows: Whether Ray's autoscaler adds nodes.
    """
    given = INFEASIBLE_TIMEOUT.get(settings)
    if isinstance(given, float):
        return given
    return _GROWING_SECONDS if grows else _FIXED_SECONDS


def check(settings: Mapping[str, str]) -> None:
    """Reject settings that cannot work.

    Args:
        settings: By today's names, see :mod:`raydp._configuration.former_names`.

    Raises:
        InvalidArgumentError: A setting is unknown or has a wrong value. The message names it.
    """
    _refuse_unknown(settings)
    for setting in SETTINGS:
        setting.find(settings)
    for family in RESOURCES:
        family.check(settings)
    memory = settings.get("spark.executor.memory")
    if memory is not None:
        # Spark reads a bare number as mebibytes here.
        size = int(memory) * MEBIBYTE if memory.strip().isdigit() else parse_memory_size(memory)
        if size < _MINIMUM_EXECUTOR_MEMORY:
            raise InvalidArgumentError(
                "An executor needs at least 450m of memory, of which Spark reserves 300m for itself. "
                f"spark.executor.memory: {memory}"
            )
    for name, least in (("spark.executor.cores", 1), ("spark.executor.instances", 0)):
        value = settings.get(name)
        if value is not None and not (value.strip().isdigit() and int(value) >= least):
            raise InvalidArgumentError(f"This setting must be a whole number of at least {least}. {name}: {value!r}")
    for name in _JAVA_OPTIONS:
        try:
            shlex.split(settings.get(name, ""))
        except ValueError as error:
            raise InvalidArgumentError(
                "These Java options cannot be divided into words: a quotation mark is not closed, or a backslash ends "
                f"the text. Close it, or put a backslash in front of it. {name}: {settings[name]}"
            ) from error


def _refuse_unknown(settings: Mapping[str, str]) -> None:
    known = [setting.key for setting in SETTINGS]
    families = tuple(family.prefix for family in RESOURCES)
    patterns = [*known, *(family.pattern for family in RESOURCES)]
    for key in sorted(settings):
        if key in known or key.startswith(families) or not _is_meant_for_raydp(key):
            continue
        raise InvalidArgumentError(f"There is no such setting. {did_you_mean(key, patterns)}Unknown: {key}")


def _is_meant_for_raydp(key: str) -> bool:
    """Tell whether a setting has the prefix of raydp's, or one that looks like it. Spark takes any."""
    if key.startswith(PREFIX):
        return True
    first, _, rest = key.partition(".")
    section = rest.partition(".")[0]
    return first == "spark" and len(section) > 3 and find_nearest(section, ["raydp"]) is not None
