"""Where the installation's files are on this machine: Spark's jars, Ray's jar, and raydp's own files."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
from pathlib import Path

from raydp._machine.jar_build import spark_of_jar
from raydp.errors import MissingRequirementError

__all__ = [
    "ADDED_MODULE_OPTIONS",
    "LEFT_OUT_MODULE_OPTION",
    "MODULE_OPTIONS",
    "NATIVE_LIBRARY",
    "SPARK_MODULE_OPTIONS",
    "class_path",
    "native_library",
    "pyspark_home",
    "ray_jar",
    "raydp_jar",
    "scala_of_jar",
    "spark_home",
    "spark_minor_version",
    "supported_sparks",
]

SPARK_MODULE_OPTIONS: tuple[str, ...] = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    "--add-modules=jdk.incubator.vector",
    *(
        f"--add-opens=java.base/{package}=ALL-UNNAMED"
        for package in (
            "java.lang",
            "java.lang.invoke",
            "java.lang.reflect",
            "java.io",
            "java.net",
            "java.nio",
            "java.util",
            "java.util.concurrent",
            "java.util.concurrent.atomic",
            "jdk.internal.ref",
            "sun.nio.ch",
            "sun.nio.cs",
            "sun.security.action",
            "sun.util.calendar",
        )
    ),
    "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dio.netty.allocator.type=pooled",
    "-Dio.netty.handler.ssl.defaultEndpointVerificationAlgorithm=NONE",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)
"""The options that Spark's launcher gives its JVMs (``JavaModuleOptions``); a test compares them."""

ADDED_MODULE_OPTIONS: tuple[str, ...] = tuple(
    f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.math", "java.text", "java.time")
)
"""What Ray needs as well: it serialises exceptions by reflection, and if that fails, the worker process ends."""

LEFT_OUT_MODULE_OPTION = "--add-modules=jdk.incubator.vector"
"""Only MLlib's BLAS uses this module, if it is present. It slows the start of each JVM and prints a warning."""

MODULE_OPTIONS: tuple[str, ...] = (
    *(option for option in SPARK_MODULE_OPTIONS if option != LEFT_OUT_MODULE_OPTION),
    *ADDED_MODULE_OPTIONS,
)
"""The options of a driver JVM that is started directly. ``spark.driver.extraJavaOptions`` can add others."""

NATIVE_LIBRARY = Path(__file__).resolve().parents[1] / "lib" / "libraydp_jni.so"
"""Where the native library of the JVMs is, if it is installed."""

_JARS = Path(__file__).resolve().parents[1] / "jars"
_MAIN_SCALA = "2.13"
_NAMED_JAR = re.compile(r"raydp-spark-[\d.]+_(?P<scala>[\d.]+)\.jar")
_SPARK_CORE = re.compile(r"spark-core_(?P<scala>[\d.]+)-(?P<minor>\d+\.\d+)\..+\.jar")


@functools.cache
def _package_directory(name: str) -> Path:
    specification = importlib.util.find_spec(name)
    if specification is None or not specification.submodule_search_locations:
        raise MissingRequirementError(
            f"A Python package that raydp needs is not installed; run `pip install {name}`. Missing: {name}"
        )
    return Path(specification.submodule_search_locations[0])


def pyspark_home() -> Path:
    """Return the folder of Spark in the ``pyspark`` package.

    Raises:
        MissingRequirementError: The package is not installed.
    """
    return _package_directory("pyspark")


def spark_home() -> Path:
    """Return the folder of the Spark installation: ``$SPARK_HOME`` if it is set, otherwise the ``pyspark`` package.

    Raises:
        MissingRequirementError: The folder contains no Spark.
    """
    home = Path(os.environ["SPARK_HOME"]) if os.environ.get("SPARK_HOME") else pyspark_home()
    if not any((home / "jars").glob("spark-core_*.jar")):
        raise MissingRequirementError(
            "This is not a Spark installation: its jars folder has no spark-core jar. Point SPARK_HOME at one, or "
            f"unset it to use the pyspark package. SPARK_HOME: {home}"
        )
    return home


def spark_minor_version(version: str) -> str:
    """Return the minor version of a version of Spark: ``4.2`` for ``4.2.1``."""
    return ".".join(version.split(".")[:2])


def raydp_jar() -> Path:
    """Return raydp's own jar: the one for the installed PySpark, or the main one if there is none for it.

    ``check_raydp_jar`` of the doctor refuses a jar for another Spark, with the versions that are supported.

    Raises:
        MissingRequirementError: The package was installed without the jar.
    """
    jar = _JARS / "raydp.jar"
    specification = importlib.util.find_spec("pyspark")
    for folder in (specification and specification.submodule_search_locations) or ():
        for core in Path(folder, "jars").glob("spark-core_*.jar"):
            if found := _SPARK_CORE.fullmatch(core.name):
                named = _JARS / f"raydp-spark-{found['minor']}_{found['scala']}.jar"
                jar = named if named.is_file() else jar
    if not jar.is_file():
        raise MissingRequirementError(
            "raydp's jar is missing from the installed package: it was built without the JVM part. Install a wheel, "
            f"or run `pip install .` in a checkout with a JDK and Gradle on the PATH. Missing: {jar}"
        )
    return jar


def scala_of_jar(jar: Path) -> str:
    """Return the version of Scala that one of raydp's jars is for. The main jar is for that of the main Spark."""
    named = _NAMED_JAR.fullmatch(jar.name)
    return named["scala"] if named else _MAIN_SCALA


def supported_sparks() -> str:
    """Return the versions of Spark that this installation has jars for, such as ``4.2.0, 4.3.0``.

    Raises:
        MissingRequirementError: The package was installed without a jar.
    """
    jars = {raydp_jar(), *_JARS.glob("raydp-spark-*.jar")}
    return ", ".join(sorted({spark_of_jar(jar) for jar in jars}))


def native_library() -> Path:
    """Return the native library that raydp's jar loads.

    Raises:
        MissingRequirementError: The package was installed without it.
    """
    library = NATIVE_LIBRARY
    if not library.is_file():
        raise MissingRequirementError(
            "raydp's native library is missing from the installed package: it was built without the C++ part. Install "
            f"a wheel, or run `pip install .` in a checkout with a C++ compiler. Missing: {library}"
        )
    return library


def ray_jar() -> Path:
    """Return the jar with Ray's Java worker, which is part of Ray's wheel.

    Raises:
        MissingRequirementError: Ray was installed without the jar.
    """
    jar = _package_directory("ray") / "jars" / "ray_dist.jar"
    if not jar.is_file():
        raise MissingRequirementError(
            "Ray's Java worker is missing from the installed ray package; install Ray from its official wheel, "
            f"`pip install 'ray[default]'`. Missing: {jar}"
        )
    return jar


def class_path() -> tuple[Path, ...]:
    """Return the class path of the driver and of the executors.

    The order is fixed: raydp's jar, Spark's jars, Ray's jar. Ray's jar is last because it contains unshaded, older
    copies of libraries that Spark brings as well.
    """
    return (raydp_jar(), *sorted((spark_home() / "jars").glob("*.jar")), ray_jar())
