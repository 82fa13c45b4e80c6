"""Which Java to use. The driver JVM uses JAVA_HOME and Ray's workers use the PATH; both must have the same version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from raydp.errors import MissingRequirementError

__all__ = ["MINIMUM_JAVA_VERSION", "Java", "find_java"]

MINIMUM_JAVA_VERSION = 17
"""Spark 4 needs Java 17."""

_VERSION_TIMEOUT_SECONDS = 30
_INSTALL = "install a JDK or JRE, for example `apt-get install openjdk-17-jre-headless`"
_QUOTED_VERSION = re.compile(r'version "(?P<version>[^"]+)"')
_RELEASE_VERSION = re.compile(r'^JAVA_VERSION="(?P<version>[^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Java:
    """A Java launcher.

    Attributes:
        executable: Path of the ``java`` program.
        version: Its version, e.g. ``"17.0.15"``.
    """

    executable: Path
    version: str

    @property
    def feature_version(self) -> int:
        """The major version: 8 for ``1.8.0_392``, 17 for ``17.0.15``."""
        numbers = [int(number) for number in re.findall(r"\d+", self.version)]
        return numbers[1] if numbers[0] == 1 and len(numbers) > 1 else numbers[0]


def find_java() -> Java:
    """Find the Java of the driver JVM, and check that Ray's workers will use the same version.

    Returns:
        ``$JAVA_HOME/bin/java`` if JAVA_HOME is set, otherwise the first ``java`` on the PATH.

    Raises:
        MissingRequirementError: There is no Java, it is too old, JAVA_HOME is wrong, or JAVA_HOME and the PATH have
            different Java versions.
    """
    java_home = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    if not java_home and on_path is None:
        raise MissingRequirementError(
            f"There is no Java: JAVA_HOME is not set and no `java` is on the PATH. Spark needs Java "
            f"{MINIMUM_JAVA_VERSION} or newer; {_INSTALL}. PATH: {os.environ.get('PATH', '')}"
        )
    if on_path is None:
        raise MissingRequirementError(
            "JAVA_HOME is set, but no `java` is on the PATH. Ray ignores JAVA_HOME and starts its Java workers with "
            "the first `java` on the node's PATH. Before Ray starts, run "
            f'export PATH="$JAVA_HOME/bin:$PATH". JAVA_HOME: {java_home}'
        )
    workers = _inspect(Path(on_path))
    driver = workers if not java_home else _inspect(_find_in_home(java_home))
    for java in (driver, workers):
        if java.feature_version < MINIMUM_JAVA_VERSION:
            raise MissingRequirementError(
                f"This Java is too old: Spark needs Java {MINIMUM_JAVA_VERSION} or newer; {_INSTALL} and put it first "
                f"on the PATH. Found Java {java.version} at {java.executable}"
            )
    if driver.feature_version != workers.feature_version:
        raise MissingRequirementError(
            "JAVA_HOME and PATH name different Javas: the Spark driver would use one, and Ray's workers, which run the "
            "executors, would use the other (the first `java` on the PATH). Before Ray starts, run "
            'export PATH="$JAVA_HOME/bin:$PATH", or unset JAVA_HOME. '
            f"JAVA_HOME: Java {driver.version} at {driver.executable}; PATH: Java {workers.version} at "
            f"{workers.executable}"
        )
    return driver


def _find_in_home(java_home: str) -> Path:
    executable = Path(java_home, "bin", "java")
    if not os.access(executable, os.X_OK):
        raise MissingRequirementError(
            "JAVA_HOME does not contain a Java: it has no executable bin/java. Point it at the folder of a JDK or JRE, "
            f"or unset it to use the `java` on the PATH. JAVA_HOME: {java_home}"
        )
    return executable


def _inspect(executable: Path) -> Java:
    release = executable.resolve().parent.parent / "release"
    if release.is_file():
        match = _RELEASE_VERSION.search(release.read_text(encoding="utf-8", errors="replace"))
        if match is not None:
            return Java(executable, match["version"])
    try:
        answer = subprocess.run(
            [executable, "-version"],
            capture_output=True,
            text=True,
            check=True,
            timeout=_VERSION_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingRequirementError(
            f"This Java does not run: `java -version` failed; {_INSTALL}. Java: {executable}; error: {error}"
        ) from error
    match = _QUOTED_VERSION.search(answer.stderr + answer.stdout)
    if match is None or not re.match(r"\d", match["version"]):
        raise MissingRequirementError(
            f"`java -version` does not print a version; {_INSTALL}. Java: {executable}; output: "
            f"{(answer.stderr + answer.stdout).strip()!r}"
        )
    return Java(executable, match["version"])
