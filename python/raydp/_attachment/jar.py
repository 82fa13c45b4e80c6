"""Brings raydp's jar into a running Spark application: its driver, and its executors.

An application may have one already, of its start or of a program that attached it before. It must be this package's
build: Python and the jar, and the jars of driver and executors, exchange what may change from build to build.
"""

from __future__ import annotations

import atexit
import functools
import logging
import os
import platform
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError, Py4JJavaError

from raydp._machine.installation import native_library, raydp_jar
from raydp._machine.jar_build import build_of_jar, spark_of_jar
from raydp._spark import internals as _spark_internals
from raydp.errors import MissingRequirementError, SessionError

if TYPE_CHECKING:
    from py4j.java_gateway import JVMView
    from pyspark.sql import SparkSession

__all__ = ["check_build", "check_spark_version", "complete_jar", "load_jar", "send_jar"]

_logger = logging.getLogger(__name__)
_CLASS = "io.raydp.exchange.ExportJob"


def check_spark_version(spark: SparkSession) -> None:
    """Check that the application runs the version of Spark that raydp's jar is for.

    Raises:
        MissingRequirementError: It does not.
    """
    found, supported = spark.version, _minor(spark_of_jar(raydp_jar()))
    if _minor(found) != supported:
        raise MissingRequirementError(
            "raydp cannot be attached to this version of Spark. Start the application with a supported one (pip "
            f"install 'pyspark=={supported}.*', or SPARK_HOME). Found: Spark {found}; supported: Spark {supported}"
        )


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def load_jar(jvm: JVMView) -> None:
    """Let the driver JVM of a running application load raydp's classes; idempotent.

    It loads them through its context class loader, as ``spark-submit`` loads the jars of a program.

    Raises:
        MissingRequirementError: It has loaded another build of raydp.
        SessionError: The class loader accepts no more jars.
    """
    if (build := _loaded_build(jvm)) is not None:
        check_build(build, "The driver of the Spark application has loaded")
        return
    try:
        loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
        loader.addURL(jvm.java.io.File(os.fspath(complete_jar())).toURI().toURL())
    except Py4JError as error:
        raise SessionError(
            "raydp's jar could not be added to the running application. Its driver was probably not started by "
            "spark-submit or pyspark, so its class loader is fixed. Start the application with the jar: "
            f"spark.jars={raydp_jar()}. Reason: {error}"
        ) from error


def send_jar(jvm: JVMView, spark: SparkSession) -> None:
    """Let executors fetch the jar before their next task, unless they fetch it already; idempotent.

    Raises:
        MissingRequirementError: They fetch another build of raydp.
    """
    context = _spark_internals.java_session(spark).sparkContext()
    known = [str(context.listJars().apply(index)) for index in range(context.listJars().size())]
    ours = [url for url in known if url.rpartition("/")[2].startswith("raydp")]
    for url in ours:
        check_build(_sent_build(jvm, spark, url), f"Spark's executors fetch, from {url},")
    if not ours:
        context.addJar(os.fspath(complete_jar()))


def check_build(build: str | None, where: str) -> None:
    """Raise ``MissingRequirementError`` if a jar is of another build than this package; ``None``: it is unknown."""
    ours = build_of_jar(raydp_jar())
    if build not in (None, ours):
        raise MissingRequirementError(
            f"{where} a jar of another build of raydp than this Python package. Leave it out of spark.jars, because "
            "attach adds the right one, or name the package's own; and start the Spark application again. "
            f"Application: raydp {build}; Python package: raydp {ours}, with the jar {raydp_jar()}"
        )


def _loaded_build(jvm: JVMView) -> str | None:
    """Return the build of raydp whose classes the driver JVM has loaded or would load; ``None`` if it has none."""
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    try:
        return str(loader.loadClass(_CLASS).getPackage().getImplementationVersion())
    except Py4JJavaError:
        return None


def _sent_build(jvm: JVMView, spark: SparkSession, url: str) -> str | None:
    """Return the build of a jar that executors fetch; ``None`` if the driver cannot read it."""
    context = _spark_internals.java_session(spark).sparkContext()
    try:
        found = jvm.org.apache.spark.raydp.SentJars.versionOf(context, url)
        return str(found.get()) if found.isDefined() else "unknown"
    except Py4JJavaError as error:
        _logger.info("The build of %s is unknown: %s", url, error)
        return None


@functools.cache
def complete_jar() -> Path:
    """Return a jar that contains the native library as well, because executors fetch nothing else.

    It lies in a private folder until this process ends: executors that start later fetch it, too.
    """
    folder = Path(tempfile.mkdtemp(prefix="raydp-jar-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    jar = folder / raydp_jar().name
    shutil.copyfile(raydp_jar(), jar)
    library = native_library()
    with zipfile.ZipFile(jar, "a", zipfile.ZIP_DEFLATED) as archive:
        name = f"native/linux-{platform.machine()}/{library.name}"
        if name not in archive.namelist():
            archive.write(library, name)
    return jar
