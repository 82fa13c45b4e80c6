"""The process of the driver JVM: launched, reused and ended."""

from __future__ import annotations

import contextlib
import logging
import subprocess
from typing import TYPE_CHECKING

from py4j.protocol import Py4JNetworkError

from raydp._application.entry_points import ENTRY_CLASS
from raydp._application.lifecycle import lifecycle
from raydp._spark import gateway_internals as _gateway_internals
from raydp._spark.gateway import launch_gateway_process
from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from py4j.java_gateway import JVMView

    from raydp._machine.java import Java
    from raydp._spark.gateway import GatewayProcess

__all__ = ["end_process", "exit_code", "launch", "launched_with", "reusable_jvm"]

_logger = logging.getLogger(__name__)
_END_TIMEOUT_SECONDS = 8.0
_DEATH_SECONDS = 1.0

_variables: dict[str, str] = {}
"""Environment variables of the next driver JVM."""


def reusable_jvm() -> JVMView | None:
    """Return the JVM of a program that was started by ``spark-submit`` and has one already.

    A JVM that PySpark launched for another session, which has ended, is ended, too.

    Raises:
        SessionError: The JVM that runs cannot hold an application on Ray.
    """
    jvm = _gateway_internals.running_jvm()
    if jvm is None or _gateway_internals.end_unused_jvm():
        return None
    if not _gateway_internals.has_class(jvm, ENTRY_CLASS):
        raise SessionError(
            "This process uses a Spark JVM that it did not launch and that lacks raydp's jar. Start the program with "
            "raydp-submit instead of spark-submit, or with plain Python"
        )
    return jvm


def launch(java: Java, settings: Mapping[str, str], log_folder: Path) -> JVMView:
    """Launch the driver JVM, and make PySpark use it. It belongs to the lifecycle from then on."""
    process = launch_gateway_process(java, settings, log_folder, _variables)
    lifecycle.own_process(process)
    return _gateway_internals.adopt_gateway(process)


@contextlib.contextmanager
def launched_with(variables: Mapping[str, str]) -> Iterator[None]:
    """Launch driver JVMs in the body of a ``with`` with these environment variables, and no other process."""
    _variables.update(variables)
    try:
        yield
    finally:
        _variables.clear()


def exit_code(gateway: GatewayProcess | None, error: BaseException) -> int | None:
    """Return the exit code of a driver JVM if its end may have caused an error, else ``None``."""
    if gateway is None or not isinstance(error, (Py4JNetworkError, OSError, SessionError)):
        return None
    with contextlib.suppress(subprocess.TimeoutExpired):
        return gateway.process.wait(_DEATH_SECONDS)
    return None


def end_process(gateway: GatewayProcess) -> None:
    """End a driver JVM that was launched here, within 8 s, and make PySpark forget it."""
    _gateway_internals.forget_gateway()
    process = gateway.process
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()  # the JVM ends when its standard input does
    try:
        process.wait(_END_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        _logger.warning(
            "The Spark driver's JVM did not end within %.0f s and is killed. Process: %d",
            _END_TIMEOUT_SECONDS,
            process.pid,
        )
        process.kill()
        process.wait()
