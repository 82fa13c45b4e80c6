"""Runs a submitted Scala or Java program with Spark's own ``spark-submit``."""

from __future__ import annotations

import os
import signal
import subprocess
import zipfile
from typing import TYPE_CHECKING

from raydp._application.class_archives import archive_classes
from raydp._application.settings import Driver, checked, complete_settings
from raydp._configuration import registry
from raydp._deployments.native import NativeDeployment
from raydp._machine.java import find_java
from raydp._machine.parent_death import die_with_parent
from raydp._spark.gateway import driver_environment, submitted_settings
from raydp._spark.submission import spark_submit
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from types import FrameType

    from raydp._spark.submission import SparkSubmit
    from raydp._submission.options import Submission

__all__ = ["run"]

_STRATEGY = registry.PLACEMENT_GROUP_STRATEGY.key
_MAIN = "io.raydp.submission.SubmittedApplication"
_MANIFEST = "META-INF/MANIFEST.MF"
_DRIVER_OPTIONS = "spark.driver.extraJavaOptions"


def run(submission: Submission) -> int:
    """Run the program and wait until it ends.

    ``spark-submit`` rejects unknown masters. So it starts a main class of raydp, which sets the master and calls the
    program's.

    Returns:
        The exit code of its JVM; 128 plus the number of the signal if a signal ended it.

    Raises:
        InvalidArgumentError: The jar is missing, or does not name its main class.
        MissingRequirementError: Java is missing, or Ray would use a different one.
        ClusterError: Ray cannot be reached.
    """
    main_class = submission.main_class or _main_class(submission.application)
    settings = checked(submission.settings)
    if settings.get(_STRATEGY):
        raise InvalidArgumentError(
            "Only raydp.init_spark makes placement groups. For a jar, create one and set its id. "
            f"{_STRATEGY}: {settings[_STRATEGY]}; instead: {registry.PLACEMENT_GROUP_ID.key}"
        )
    deployment = NativeDeployment()
    java = find_java()
    driver = Driver(deployment, java, is_python=False)
    cluster, settings = complete_settings(submission.master, settings, driver)
    properties = {**deployment.driver_properties(cluster), "raydp.submitted.master": f"ray:{cluster.address}"}
    options = [f"-D{name}={value}" for name, value in properties.items()]
    settings[_DRIVER_OPTIONS] = " ".join([*options, settings.get(_DRIVER_OPTIONS, "")]).strip()
    arguments = ["--class", _MAIN]
    if submission.properties_file is not None:
        arguments += ["--properties-file", submission.properties_file]
    if submission.verbose:
        arguments.append("--verbose")
    arguments += [submission.application, main_class, *submission.arguments]
    with spark_submit(submitted_settings(settings, cluster.log_folder), arguments) as submit:
        code = _wait(submit, {**os.environ, **driver_environment(settings)})
    if code == 0:
        archive_classes(java, settings)
    return code


def _main_class(jar: str) -> str:
    try:
        with zipfile.ZipFile(jar) as archive:
            manifest = archive.read(_MANIFEST).decode()
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise InvalidArgumentError(
            "The jar cannot be read here. Check its path, or name its main class with --class. "
            f"Jar: {jar}; error: {error}"
        ) from error
    # A line of more than 72 bytes continues in the next one, after a space (JAR File Specification).
    for line in manifest.replace("\r\n", "\n").replace("\n ", "").splitlines():
        name, _, value = line.partition(":")
        if name == "Main-Class":
            return value.strip()
    raise InvalidArgumentError(f"The jar's manifest names no main class; name one with --class. Jar: {jar}")


def _wait(submit: SparkSubmit, environment: dict[str, str]) -> int:
    parent = os.getpid()
    process = subprocess.Popen(
        submit.command, env=environment, pass_fds=[submit.descriptor], preexec_fn=lambda: die_with_parent(parent)
    )

    def forward(number: int, frame: FrameType | None) -> None:
        del frame
        process.send_signal(number)

    # Ctrl-C reaches the whole process group by itself.
    former = {
        number: signal.signal(number, action)
        for number, action in ((signal.SIGTERM, forward), (signal.SIGINT, lambda *_: None))
    }
    try:
        code = process.wait()
    finally:
        for number, action in former.items():
            signal.signal(number, action)
    return code if code >= 0 else 128 - code
