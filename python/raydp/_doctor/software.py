"""Java, jars, packages, native libraries and the interpreter of the Python workers."""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from raydp._machine import installation as _installation
from raydp._machine.class_data import Role, find_archive
from raydp._machine.java import find_java
from raydp._spark.python_workers import worker_settings
from raydp.errors import MissingRequirementError, RaydpError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "class_data",
    "jars_are_whole",
    "java",
    "java_runs",
    "native_libraries",
    "packages",
    "raydp_jar",
    "spark_jars",
    "workers",
]

_JAVA_TIMEOUT_SECONDS = 60
_REINSTALL = "install the package again: `pip install --force-reinstall --no-deps raydp`"
_SCALA = "2.13"
_SPARK_CORE = re.compile(r"spark-core_(?P<scala>[\d.]+)-(?P<version>.+)\.jar")
_JNI_LIBRARY = "libraydp_jni.so"


def java(settings: Mapping[str, str]) -> str:
    """Find the Java of the driver and of Ray's workers."""
    del settings
    found = find_java()
    return f"{found.version} at {found.executable}"


def class_data(settings: Mapping[str, str]) -> str:
    """Say whether applications start with class-data archives here; they can do without."""
    del settings
    try:
        archive = find_archive(find_java(), Role.DRIVER)
    except RaydpError:
        return "not looked for: Java or a jar is missing"
    if archive is None:
        return (
            "no archives that fit, which the first application has made when it ends; `python -m raydp archive` makes "
            "them now, and starts take about two thirds of the time"
        )
    return f"archives in {archive.parent}"


def java_runs(settings: Mapping[str, str]) -> str:
    """Start a JVM with the options that every JVM of an application gets."""
    del settings
    executable = find_java().executable
    command = [str(executable), *_installation.MODULE_OPTIONS, "-Xmx64m", "-version"]
    try:
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=_JAVA_TIMEOUT_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or "").strip() or str(error)
        raise MissingRequirementError(
            "This Java does not run with the options that Spark and Ray need. Install a complete JDK or JRE 17 or "
            f"newer and put it first on the PATH. Java: {executable}; it said: {said}"
        ) from error
    return f"starts a JVM with Spark's and Ray's options: {executable}"


def packages(settings: Mapping[str, str]) -> str:
    """Compare the installed packages with what raydp was built for."""
    del settings
    from packaging.requirements import Requirement

    if _own_version() is None:
        return "not compared: raydp runs from a checkout"
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
                f"A package has a version that raydp does not work with; run `pip install '{requirement}'`. Installed: "
                f"{requirement.name} {version}, in {sys.prefix}"
            )
        found.append(f"{requirement.name} {version}")
    return ", ".join(found)


def spark_jars(settings: Mapping[str, str]) -> str:
    """Look whether Spark's jars and the pyspark package are of one version, and Ray's jar is there."""
    del settings
    home = _installation.spark_home()
    core = [match for path in (home / "jars").glob("spark-core_*.jar") if (match := _SPARK_CORE.fullmatch(path.name))]
    if len(core) != 1 or core[0]["scala"] != _SCALA:
        raise MissingRequirementError(
            f"Spark's jars folder must hold one spark-core jar, for Scala {_SCALA}: it is another build of Spark, or "
            "two were unpacked over each other. Point SPARK_HOME at a clean installation, or unset it. Found in "
            f"{home / 'jars'}: {', '.join(sorted(match.string for match in core))}"
        )
    pyspark = importlib.metadata.version("pyspark")
    if core[0]["version"] != pyspark:
        raise MissingRequirementError(
            "Spark's jars and the pyspark package have different versions, and Python could not talk to the driver's "
            f"JVM. Run `pip install 'pyspark=={core[0]['version']}'`, or unset SPARK_HOME to use the package's own "
            f"jars. pyspark: {pyspark}; jars: {core[0]['version']} in {home / 'jars'}"
        )
    return f"Spark {pyspark} in {home / 'jars'}; {_installation.ray_jar()}"


def raydp_jar(settings: Mapping[str, str]) -> str:
    """Look whether raydp's jar is whole and belongs to this package."""
    del settings
    jar = _installation.raydp_jar()
    expected = _own_version()
    found = re.search(r"^Implementation-Version: (.*?)\r?$", _manifest(jar), re.MULTILINE)
    if expected is not None and (found is None or found[1] != expected):
        raise MissingRequirementError(
            f"raydp's jar and its Python package are of different versions; {_REINSTALL}. Package: {expected}; jar: "
            f"{found[1] if found is not None else 'unknown'} at {jar}"
        )
    return f"{found[1] if found is not None else 'unknown version'} at {jar}"


def _own_version() -> str | None:
    """The package's version, which a checkout that is not installed does not have."""
    try:
        return importlib.metadata.version("raydp")
    except importlib.metadata.PackageNotFoundError:
        return None


def _manifest(jar: Path) -> str:
    try:
        with zipfile.ZipFile(jar) as archive:
            return archive.read("META-INF/MANIFEST.MF").decode("utf-8")
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise MissingRequirementError(f"raydp's jar is damaged; {_REINSTALL}. {jar}: {error}") from error


def jars_are_whole(settings: Mapping[str, str]) -> str:
    """Look for jars whose end is missing, as an interrupted download leaves them."""
    del settings
    jars = _installation.class_path()
    damaged = [str(jar) for jar in jars if not zipfile.is_zipfile(jar)]
    if damaged:
        raise MissingRequirementError(
            "Jars of the class path are damaged; install the package that they belong to again, with pip's "
            f"--force-reinstall --no-cache-dir. Damaged: {', '.join(damaged)}"
        )
    return f"{len(jars)} on the class path"


def native_libraries(settings: Mapping[str, str]) -> str:
    """Load the C++ parts: the Python module, and the library that the JVMs load."""
    del settings
    library = Path(_installation.__file__).resolve().parents[1] / "lib" / _JNI_LIBRARY
    try:
        module = importlib.import_module("raydp._native")
    except ImportError as error:
        raise MissingRequirementError(
            f"raydp's native module cannot be loaded: it was built for another Python or system, or is missing; "
            f"{_REINSTALL}. Looked in: {library.parent.parent}; error: {error}"
        ) from error
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        raise MissingRequirementError(
            f"raydp's native library cannot be loaded: it was built for another system, is damaged or missing; "
            f"{_REINSTALL}. Library: {library}; error: {error}"
        ) from error
    return f"{module.__file__}; {library}"


def workers(settings: Mapping[str, str]) -> str:
    """Look whether the interpreter of the Python workers can be one."""
    worker_settings(settings)
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{version} at {settings.get('spark.pyspark.python') or sys.executable}"
