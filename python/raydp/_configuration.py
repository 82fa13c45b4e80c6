"""The settings of ours that Python reads or writes; the JVM's registry has all ``spark.raydp.*`` keys.

Each setting is declared once. Values are strings, as everywhere in a Spark configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raydp._errors import InvalidArgumentError
from raydp._memory_size import MEBIBYTE, parse_memory_size

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["banner", "block_bytes", "check", "exchange_timeout_seconds", "fault_tolerant", "progress"]

_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})
_MINIMUM_EXECUTOR_MEMORY = 450 * MEBIBYTE


@dataclass(frozen=True)
class _Setting:
    name: str
    default: str
    document: str


PROGRESS = _Setting(
    "spark.raydp.progress", "auto", "Progress bars: true, false, or auto (when standard error is a terminal)."
)
BANNER = _Setting("spark.raydp.banner", "true", "Print one line that says where the application and its Spark UI are.")
BLOCK_SIZE = _Setting(
    "spark.raydp.exchange.blockSize", "64m", "Size in bytes (with unit) that blocks made from a DataFrame aim at."
)
EXCHANGE_TIMEOUT = _Setting(
    "spark.raydp.exchange.timeout", "600", "Seconds without any progress after which a conversion gives up."
)
FAULT_TOLERANT = _Setting(
    "spark.raydp.exchange.faultTolerant",
    "true",
    "Have Spark make blocks again that were lost with a node, for as long as the application lives.",
)


def _value(settings: Mapping[str, str], setting: _Setting) -> str:
    return settings.get(setting.name, setting.default).strip()


def _boolean(settings: Mapping[str, str], setting: _Setting) -> bool:
    value = _value(settings, setting).lower()
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    raise InvalidArgumentError(f"This setting is neither true nor false. {setting.name}: {value!r}")


def progress(settings: Mapping[str, str]) -> bool | None:
    """Return whether bars were asked for (``None``: decide by the terminal)."""
    return None if _value(settings, PROGRESS).lower() == "auto" else _boolean(settings, PROGRESS)


def banner(settings: Mapping[str, str]) -> bool:
    """Return whether to print the line about the Spark UI."""
    return _boolean(settings, BANNER)


def fault_tolerant(settings: Mapping[str, str]) -> bool:
    """Return whether blocks that were lost with a node are made again."""
    return _boolean(settings, FAULT_TOLERANT)


def block_bytes(settings: Mapping[str, str]) -> int:
    """Return the size that blocks made from a DataFrame aim at, in bytes."""
    size = parse_memory_size(_value(settings, BLOCK_SIZE))
    if not MEBIBYTE <= size <= 1 << 30:
        raise InvalidArgumentError(f"The block size must lie between 1m and 1g. {BLOCK_SIZE.name}: {size}")
    return size


def exchange_timeout_seconds(settings: Mapping[str, str]) -> float:
    """Return the seconds without any progress after which a conversion gives up."""
    value = _value(settings, EXCHANGE_TIMEOUT).removesuffix("s")
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 1e7:
        raise InvalidArgumentError(
            f"This setting must be a number of seconds above 0. {EXCHANGE_TIMEOUT.name}: {value}"
        )
    return seconds


def check(settings: Mapping[str, str]) -> None:
    """Refuse settings that cannot work, before anything is started.

    Raises:
        InvalidArgumentError: Names the setting, what it must be, and its value.
    """
    progress(settings)
    banner(settings)
    block_bytes(settings)
    exchange_timeout_seconds(settings)
    fault_tolerant(settings)
    memory = settings.get("spark.executor.memory")
    if memory is not None:
        # Spark reads a bare number as mebibytes here.
        size = int(memory) * MEBIBYTE if memory.strip().isdigit() else parse_memory_size(memory)
        if size < _MINIMUM_EXECUTOR_MEMORY:
            raise InvalidArgumentError(
                "An executor needs at least 450m of memory, of which Spark reserves 300m for itself. "
                f"spark.executor.memory: {memory}"
            )
    for name in ("spark.executor.cores", "spark.executor.instances"):
        value = settings.get(name)
        if value is not None and not (value.strip().isdigit() and int(value) >= (name == "spark.executor.cores")):
            raise InvalidArgumentError(f"This setting must be a whole number that is not negative. {name}: {value!r}")
