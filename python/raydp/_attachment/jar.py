"""Brings raydp's jar into a running Spark application: its driver, and its executors."""

from __future__ import annotations

import atexit
import functools
import os
import platform
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError, Py4JJavaError

from raydp._machine.installation import native_library, raydp_jar
from raydp._spark import internals as _spark_internals
from raydp.errors import SessionError

if TYPE_CHECKING:
    from py4j.java_gateway import JVMView
    from pyspark.sql import SparkSession

__all__ = ["load_jar", "send_jar"]

_CLASS = "io.raydp.exchange.ExportJob"


def load_jar(jvm: JVMView) -> None:
    """Let the driver JVM of a running application load raydp's classes; idempotent.

    It loads them through its context class loader, as ``spark-submit`` loads the jars of a program.

    Raises:
        SessionError: The class loader accepts no more jars.
    """
    if _has_class(jvm):
        return
    try:
        loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
        loader.addURL(jvm.java.io.File(os.fspath(_complete_jar())).toURI().toURL())
    except Py4JError as error:
        raise SessionError(
            "raydp's jar could not be added to the running application. Its driver was probably not started by "
            "spark-submit or pyspark, so its class loader is fixed. Start the application with the jar: "
            f"spark.jars={raydp_jar()}. Reason: {error}"
        ) from error


def send_jar(spark: SparkSession) -> None:
    """Let executors fetch the jar before their next task, unless the application was started with it; idempotent."""
    context = _spark_internals.java_session(spark).sparkContext()
    known = [context.listJars().apply(index) for index in range(context.listJars().size())]
    if not any(url.rpartition("/")[2].startswith("raydp") for url in known):
        context.addJar(os.fspath(_complete_jar()))


def _has_class(jvm: JVMView) -> bool:
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    try:
        loader.loadClass(_CLASS)
    except Py4JJavaError:
        return False
    return True


@functools.cache
def _complete_jar() -> Path:
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
