"""Starts the driver JVM with Spark, raydp's jar and Ray's Java worker on its class path.

There are two ways. The direct one runs Spark's ``PythonGatewayServer`` and saves the seconds that ``spark-submit``
takes. ``spark-submit`` is used for what only it can do: packages, extra jars and files, ``spark-defaults.conf``,
``PYSPARK_SUBMIT_ARGS``.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raydp._configuration.registry import DRIVER_LOGGING
from raydp._machine import installation as _installation
from raydp._machine.class_data import driver_options
from raydp._spark.redaction import redact_arguments
from raydp._spark.submission import conf_directory, spark_submit
from raydp.errors import MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from raydp._machine.java import Java

__all__ = ["GatewayProcess", "driver_environment", "launch_gateway_process", "submitted_settings"]

_START_TIMEOUT_SECONDS = 120.0
_CHECK_INTERVAL_SECONDS = 0.02
_LOGGING_OPTION = "-Dlog4j2.configurationFile="
# Spark's own configuration, and what differs from it.
_DEFAULT_LOGGING = (
    "classpath:org/apache/spark/log4j2-defaults.properties,classpath:io/raydp/lifecycle/driver-log4j2.properties"
)
_GATEWAY_CLASS = "org.apache.spark.api.python.PythonGatewayServer"

_JAVA_OPTION_KEYS = ("spark.driver.defaultJavaOptions", "spark.driver.extraJavaOptions")
_KEYS_FOR_SPARK_SUBMIT = (
    "spark.jars",
    "spark.jars.packages",
    "spark.jars.excludes",
    "spark.jars.ivy",
    "spark.jars.ivySettings",
    "spark.jars.repositories",
    "spark.files",
    "spark.archives",
    "spark.submit.pyFiles",
    "spark.kerberos.keytab",
    "spark.kerberos.principal",
)


@dataclass(frozen=True)
class GatewayProcess:
    """A running driver JVM and how to reach it.

    Attributes:
        process: The JVM. It ends when its standard input is closed, and so when this process dies.
        port: Port of the Py4J server on the loopback interface.
        secret: The secret that a Py4J client must present.
    """

    process: subprocess.Popen[bytes]
    port: int
    secret: str


def launch_gateway_process(
    java: Java, settings: Mapping[str, str], log_folder: Path, variables: Mapping[str, str]
) -> GatewayProcess:
    """Start the driver JVM and wait until it listens.

    Args:
        java: The Java to run.
        log_folder: Where the JVM writes a file if it crashes.
        settings: The application's complete settings. The direct way uses those of the JVM (driver memory, class
            path, options, ``spark.driver.host``); ``spark-submit`` gets all of them.
        variables: Environment variables for the JVM, in addition to those of this process and those it always needs.

    Returns:
        The process with its Py4J address.

    Raises:
        MissingRequirementError: The JVM ended, or did not listen in time.
    """
    with contextlib.ExitStack() as stack:
        descriptors = []
        if _needs_spark_submit(settings):
            arguments = shlex.split(os.environ.get("PYSPARK_SUBMIT_ARGS", "pyspark-shell"))
            submit = stack.enter_context(spark_submit(submitted_settings(settings, log_folder), arguments))
            command, descriptors = submit.command, [submit.descriptor]
        else:
            command = _direct_command(java, settings, log_folder)
        answer = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="raydp-gateway-")), "connection")
        environment = {**driver_environment(settings), "_PYSPARK_DRIVER_CONN_INFO_PATH": str(answer)}
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            env={**os.environ, **environment, **variables},
            pass_fds=descriptors,
            process_group=0,  # Ctrl-C goes to Python, which then stops Spark in order
        )
        port, secret = _await_connection(process, answer, settings)
    return GatewayProcess(process, port, secret)


def _logging_options(settings: Mapping[str, str]) -> list[str]:
    configuration = DRIVER_LOGGING.find(settings)
    if configuration is not None:
        return [_LOGGING_OPTION + configuration]
    options = [settings.get(key, "") for key in _JAVA_OPTION_KEYS]
    if any(conf_directory().glob("log4j2.*")) or any("log4j" in option for option in options):
        return []
    # Ray's jar contains a configuration, which log4j would find and use.
    return [_LOGGING_OPTION + _DEFAULT_LOGGING]


def driver_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that a driver JVM needs in addition to those of this process."""
    return {
        "SPARK_HOME": str(_installation.spark_home()),
        "SPARK_LOCAL_IP": os.environ.get("SPARK_LOCAL_IP") or settings["spark.driver.host"],
        # Otherwise Spark asks the name service for a name of the address, which can take many seconds.
        "SPARK_LOCAL_HOSTNAME": os.environ.get("SPARK_LOCAL_HOSTNAME") or settings["spark.driver.host"],
        "SPARK_CONNECT_MODE": "0",
        # Spark's launcher puts the jars of this variable behind Spark's own. Ray's jar must be there, because it
        # contains unshaded logging libraries.
        "SPARK_DIST_CLASSPATH": os.pathsep.join(
            [*_split(os.environ.get("SPARK_DIST_CLASSPATH")), str(_installation.ray_jar())]
        ),
    }


def _needs_spark_submit(settings: Mapping[str, str]) -> bool:
    arguments = os.environ.get("PYSPARK_SUBMIT_ARGS", "pyspark-shell").split()
    configuration = conf_directory()
    return (
        arguments != ["pyspark-shell"]
        or any(settings.get(key) for key in _KEYS_FOR_SPARK_SUBMIT)
        or (configuration / "spark-defaults.conf").is_file()
        or (configuration / "spark-env.sh").is_file()
    )


def _crash_options(log_folder: Path) -> list[str]:
    """Return options that keep what a crash leaves out of the program's working folder. The user's options win.

    A core dump would have the application's secrets and data in it.
    """
    return [f"-XX:ErrorFile={log_folder}/hs_err_raydp_driver_%p.log", "-XX:-CreateCoredumpOnCrash"]


def _direct_command(java: Java, settings: Mapping[str, str], log_folder: Path) -> list[str]:
    # A class-data archive fits only class paths of jars. A folder in the class path, even a missing one, disables it.
    configuration = conf_directory()
    class_path = [
        *_split(settings.get("spark.driver.extraClassPath")),
        *([str(configuration)] if configuration.is_dir() else []),
        *map(str, _installation.class_path()),
    ]
    options = [*_installation.MODULE_OPTIONS, *driver_options(java), *_crash_options(log_folder)]
    options.append(f"-Xmx{settings.get('spark.driver.memory', '1g')}")
    library_path = settings.get("spark.driver.extraLibraryPath")
    if library_path:
        options.append(f"-Djava.library.path={library_path}")
    for key in _JAVA_OPTION_KEYS:
        options.extend(shlex.split(settings.get(key, "")))
    options += _logging_options(settings)
    return [str(java.executable), "-cp", os.pathsep.join(class_path), *options, _GATEWAY_CLASS]


def submitted_settings(settings: Mapping[str, str], log_folder: Path) -> dict[str, str]:
    """Return the settings for ``spark-submit`` that put raydp on the driver's class path.

    Args:
        settings: The application's complete settings.
        log_folder: Where the JVM writes a file if it crashes.
    """
    class_path = [*_split(settings.get("spark.driver.extraClassPath")), str(_installation.raydp_jar())]
    options = [
        *_crash_options(log_folder),
        settings.get("spark.driver.extraJavaOptions", ""),
        *_installation.ADDED_MODULE_OPTIONS,
        *_logging_options(settings),
    ]
    return {
        **settings,
        "spark.driver.extraClassPath": os.pathsep.join(class_path),
        "spark.driver.extraJavaOptions": " ".join(options).strip(),
    }


def _split(paths: str | None) -> list[str]:
    return [path for path in (paths or "").split(os.pathsep) if path]


def _await_connection(process: subprocess.Popen[bytes], answer: Path, settings: Mapping[str, str]) -> tuple[int, str]:
    with _ended_on_failure(process):
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        while not answer.is_file():
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(_CHECK_INTERVAL_SECONDS)
                raise MissingRequirementError(
                    "The Spark driver's JVM ended before it listened; its output is above. Check the Java "
                    f"installation and the spark.driver.* settings. Exit code {code}; command: "
                    f"{shlex.join(redact_arguments(_command_of(process), settings))}"
                )
            if time.monotonic() > deadline:
                raise MissingRequirementError(
                    "The Spark driver's JVM did not listen in time; the machine may be overloaded, or its class path "
                    f"may be on a slow disk. Waited {_START_TIMEOUT_SECONDS:.0f} s for process {process.pid}"
                )
        # The JVM writes the file under another name and renames it, so it is complete once it exists:
        # port and length of the secret as big-endian 32-bit numbers, then the secret.
        content = answer.read_bytes()
        port, length = struct.unpack_from("!ii", content)
        return port, content[8 : 8 + length].decode("utf-8")


def _command_of(process: subprocess.Popen[bytes]) -> list[str]:
    arguments = process.args
    return [str(arguments)] if isinstance(arguments, (str, bytes)) else [str(part) for part in arguments]  # type: ignore[union-attr]


@contextlib.contextmanager
def _ended_on_failure(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        process.kill()
        process.wait()
        raise
