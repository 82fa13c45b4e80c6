"""Checks of Java, jars, packages, native libraries and the Python workers' interpreter."""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import re
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

from raydp._machine import installation as _installation
from raydp._machine.class_data import Role, find_archive
from raydp._machine.jar_build import REINSTALL, build_of_jar, spark_of_jar, version_of_build
from raydp._machine.java import find_java
from raydp._spark.python_workers import worker_settings
from raydp.errors import MissingRequirementError, RaydpError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "check_class_data",
    "check_jars",
    "check_java",
    "check_jvm_start",
    "check_native_libraries",
    "check_packages",
    "check_python_workers",
    "check_raydp_jar",
    "check_spark_jars",
]

_JAVA_TIMEOUT_SECONDS = 60
_SPARK_CORE = re.compile(r"spark-core_(?P<scala>[\d.]+)-(?P<version>.+)\.jar")


def check_java(settings: Mapping[str, str]) -> str:
    """Check that the driver JVM and Ray's workers have a suitable Java."""
    del settings
    found = find_java()
    return f"{found.version} at {found.executable}"


def check_class_data(settings: Mapping[str, str]) -> str:
    """Report whether this machine has class-data archives. Applications also start without them."""
    del settings
    try:
        archive = find_archive(find_java(), Role.DRIVER)
    except RaydpError:
        return "not checked: Java or a jar is missing"
    if archive is None:
        return (
            "no archives that fit. They shorten each start by about a third. raydp creates them after the first "
            "application has ended; to create them now, run `python -m raydp archive`"
        )
    return f"archives in {archive.parent}"


def check_jvm_start(settings: Mapping[str, str]) -> str:
    """Check that a JVM starts with the options of an application's JVMs."""
    del settings
    executable = find_java().executable
    command = [str(executable), *_installation.MODULE_OPTIONS, "-Xmx64m", "-version"]
    try:
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=_JAVA_TIMEOUT_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        output = (getattr(error, "stderr", None) or "").strip() or str(error)
        raise MissingRequirementError(
            "This Java does not start with the options that Spark and Ray need. Install a complete JDK or JRE, 17 or "
            f"newer, and put it first on the PATH. Java: {executable}; output: {output}"
        ) from error
    return f"a JVM starts with Spark's and Ray's options: {executable}"


def check_packages(settings: Mapping[str, str]) -> str:
    """Check that the installed packages have the versions that raydp requires."""
    del settings
    from packaging.requirements import Requirement

    if _package_version() is None:
        return "not checked: raydp runs from a checkout"
    found = []
    for text in importlib.metadata.requires("raydp") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError as error:
            raise MissingRequirementError(
                f"A package that raydp needs is not installed; run `pip install '{requirement}'`. Missing: "
                f"{requirement.name}, in {sys.prefix}"
            ) from error
        if not requirement.specifier.contains(version, prereleases=True):
            raise MissingRequirementError(
                f"A package has a version that raydp does not support; run `pip install '{requirement}'`. Installed: "
                f"{requirement.name} {version}, in {sys.prefix}"
            )
        found.append(f"{requirement.name} {version}")
    return ", ".join(found)


def check_spark_jars(settings: Mapping[str, str]) -> str:
    """Check that Spark's jars and the pyspark package have the same version, and that Ray's jar exists."""
    del settings
    home = _installation.spark_home()
    core = [match for path in (home / "jars").glob("spark-core_*.jar") if (match := _SPARK_CORE.fullmatch(path.name))]
    scala = _installation.scala_of_jar(_installation.raydp_jar())
    if len(core) != 1 or core[0]["scala"] != scala:
        raise MissingRequirementError(
            f"Spark's jars folder must contain one spark-core jar, for Scala {scala}. This is another build of Spark, "
            "or two were unpacked into one folder. Point SPARK_HOME at a clean installation, or unset it. Found in "
            f"{home / 'jars'}: {', '.join(sorted(match.string for match in core))}"
        )
    pyspark = importlib.metadata.version("pyspark")
    if core[0]["version"] != pyspark:
        raise MissingRequirementError(
            "Spark's jars and the pyspark package have different versions, so Python could not talk to the driver "
            f"JVM. Run `pip install 'pyspark=={core[0]['version']}'`, or unset SPARK_HOME to use the package's own "
            f"jars. pyspark: {pyspark}; jars: {core[0]['version']} in {home / 'jars'}"
        )
    return f"Spark {pyspark} in {home / 'jars'}; {_installation.ray_jar()}"


def check_raydp_jar(settings: Mapping[str, str]) -> str:
    """Check that raydp's jar is intact, has the version of this package, and is for the installed Spark."""
    del settings
    jar = _installation.raydp_jar()
    expected = _package_version()
    build = build_of_jar(jar)
    if expected not in (None, version_of_build(build)):
        raise MissingRequirementError(
            f"raydp's jar and its Python package have different versions; {REINSTALL}. Package: {expected}; jar: "
            f"{build} at {jar}"
        )
    pyspark = importlib.metadata.version("pyspark")
    if _installation.spark_minor_version(spark_of_jar(jar)) != _installation.spark_minor_version(pyspark):
        supported = _installation.supported_sparks()
        newest = _installation.spark_minor_version(supported.rpartition(" ")[2])
        raise MissingRequirementError(
            "raydp has no jar for this version of Spark; install a supported one (pip install "
            f"'pyspark=={newest}.*'). Found: PySpark {pyspark}; supported: Spark {supported}"
        )
    return f"{build} at {jar}"


def _package_version() -> str | None:
    """Return the package's version; ``None``: raydp runs from a checkout that is not installed."""
    try:
        return importlib.metadata.version("raydp")
    except importlib.metadata.PackageNotFoundError:
        return None


def check_jars(settings: Mapping[str, str]) -> str:
    """Check that no jar is incomplete, for example after an interrupted download."""
    del settings
    jars = _installation.class_path()
    damaged = [str(jar) for jar in jars if not zipfile.is_zipfile(jar)]
    if damaged:
        raise MissingRequirementError(
            "Jars of the class path are damaged; reinstall the package that contains them with pip's options "
            f"--force-reinstall --no-cache-dir. Damaged: {', '.join(damaged)}"
        )
    return f"{len(jars)} jars on the class path"


def check_native_libraries(settings: Mapping[str, str]) -> str:
    """Check that the native libraries load: the Python module, and the library for the JVMs."""
    del settings
    library = _installation.NATIVE_LIBRARY
    try:
        module = importlib.import_module("raydp._native")
    except ImportError as error:
        raise MissingRequirementError(
            f"raydp's native module cannot be loaded: it is missing, or was built for another Python or system; "
            f"{REINSTALL}. Looked in: {library.parent.parent}; error: {error}"
        ) from error
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        raise MissingRequirementError(
            f"raydp's native library cannot be loaded: it is missing or damaged, or was built for another system; "
            f"{REINSTALL}. Library: {library}; error: {error}"
        ) from error
    return f"{module.__file__}; {library}"


def check_python_workers(settings: Mapping[str, str]) -> str:
    """Check that the Python workers' interpreter can run them."""
    worker_settings(settings)
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{version} at {settings.get('spark.pyspark.python') or sys.executable}"
