"""Which checks run, and in which order."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from raydp._doctor import machine, restrictions, software
from raydp._doctor.findings import Check, Finding, Level, run_check
from raydp._machine.console import tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["examine", "preflight"]

_CHECKS = (
    Check("Java", software.check_java),
    Check("Java's options", software.check_jvm_start),
    Check("packages", software.check_packages),
    Check("Spark's jars", software.check_spark_jars, is_cheap=True),
    Check("raydp's jar", software.check_raydp_jar, is_cheap=True),
    Check("class path", software.check_jars),
    Check("class data", software.check_class_data),
    Check("native libraries", software.check_native_libraries, is_cheap=True),
    Check("Python workers", software.check_python_workers),
    Check("memory", machine.check_memory, is_cheap=True),
    Check("shared memory", machine.check_shared_memory),
    Check("memory files", restrictions.check_memory_files, is_cheap=True),
    Check("open files", restrictions.check_open_files, is_cheap=True, is_told=True),
    Check("threads", restrictions.check_threads, is_cheap=True, is_told=True),
    Check("loopback", machine.check_loopback, is_cheap=True),
    Check("address", machine.check_addresses),
    Check("temporary files", machine.check_temporary_folder, is_cheap=True),
    Check("native code", restrictions.check_native_code, is_cheap=True),
    Check("Ray's token", machine.check_ray_token),
    Check("local folders", machine.check_local_folders, is_cheap=True),
)


def examine(settings: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Run all checks. They need no Ray, and start only short-lived processes.

    Args:
        settings: Spark settings of the application that will run here; none by default.

    Yields:
        The finding of each check, as soon as it is known.
    """
    for check in _CHECKS:
        yield run_check(check, settings or {})


def preflight(settings: Mapping[str, str]) -> None:
    """Run the checks that take only milliseconds, before an application starts anything.

    Java and the Python workers' interpreter are not checked here, because the code that starts them checks them.

    Args:
        settings: Spark settings of the application.

    Raises:
        RaydpError: The first thing that is broken, and how to fix it.
    """
    for check in _CHECKS:
        if check.is_cheap:
            found = check.function(settings)
            if check.is_told and isinstance(found, Finding) and found.level is Level.WARNING:
                _tell_once(f"{found.subject}: {found.text}")


@functools.cache
def _tell_once(line: str) -> None:
    tell(line)
