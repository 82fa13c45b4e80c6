"""What is looked at, in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp._doctor import machine, software
from raydp._doctor.findings import Check, Finding, find

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["examine", "preflight"]

_CHECKS = (
    Check("Java", software.java),
    Check("Java's options", software.java_runs),
    Check("packages", software.packages),
    Check("Spark's jars", software.spark_jars, is_cheap=True),
    Check("raydp's jar", software.raydp_jar, is_cheap=True),
    Check("class path", software.jars_are_whole),
    Check("class data", software.class_data),
    Check("native libraries", software.native_libraries, is_cheap=True),
    Check("Python workers", software.workers),
    Check("memory", machine.memory, is_cheap=True),
    Check("shared memory", machine.shared_memory),
    Check("address", machine.address),
    Check("temporary files", machine.socket_folder, is_cheap=True),
)


def examine(settings: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Look at everything; nothing is started but short-lived processes, and no Ray is needed.

    Args:
        settings: Spark settings of the application that is to run here; none by default.

    Yields:
        One finding per check, as soon as it is there.
    """
    for check in _CHECKS:
        yield find(check, settings or {})


def preflight(settings: Mapping[str, str]) -> None:
    """Look at what costs a few milliseconds, before an application starts anything.

    Java and the interpreter of the workers are not among it: who uses them looks at them anyway.

    Args:
        settings: Its Spark settings.

    Raises:
        RaydpError: What is broken and how to mend it; the first of several.
    """
    for check in _CHECKS:
        if check.is_cheap:
            check.look(settings)
