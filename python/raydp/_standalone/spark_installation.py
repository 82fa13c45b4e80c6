"""The Spark that a standalone cluster runs: any version, not only the one that raydp is built for."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from raydp._machine.installation import pyspark_home
from raydp.errors import MissingRequirementError

__all__ = ["SparkInstallation", "find_installation"]

_SPARK_CORE = re.compile(r"spark-core_(?P<scala>[\d.]+)-(?P<version>(?P<major>\d+)\..+)\.jar")
_FIRST_WITH_JAKARTA = 4  # raydp's filter of the UI uses jakarta.servlet; older versions have javax.servlet


@dataclass(frozen=True)
class SparkInstallation:
    """A folder with Spark.

    Attributes:
        home: The folder.
        version: Spark's version.
        scala: The version of Scala that it is built for.
        has_token_filter: Whether raydp's filter, which asks for a token, can protect its UI.
    """

    home: Path
    version: str
    scala: str
    has_token_filter: bool

    def command(self, main_class: str) -> tuple[str, ...]:
        """Return a command that runs one of its classes."""
        return (os.fspath(self.home / "bin" / "spark-class"), main_class)

    def environment(self) -> dict[str, str]:
        """Return the variables by which its scripts and daemons find it."""
        return {"SPARK_HOME": os.fspath(self.home), "SPARK_SCALA_VERSION": self.scala}


def find_installation(spark_home: str | None) -> SparkInstallation:
    """Return the Spark in a folder of this machine.

    Args:
        spark_home: The folder; ``None`` for the ``pyspark`` package.

    Raises:
        MissingRequirementError: There is no complete Spark.
    """
    home = pyspark_home() if spark_home is None else Path(spark_home)
    found = [match for path in (home / "jars").glob("spark-core_*.jar") if (match := _SPARK_CORE.fullmatch(path.name))]
    if len(found) != 1:
        jars = ", ".join(sorted(match.string for match in found)) or "none"
        raise MissingRequirementError(
            "This is not a Spark installation: its jars folder must have one spark-core jar. Name a folder of Spark "
            "that is at the same place on every node, or leave out spark_home and SPARK_HOME to use the pyspark "
            f"package. SPARK_HOME: {home}; spark-core jars: {jars}"
        )
    script = home / "bin" / "spark-class"
    if not os.access(script, os.X_OK):
        raise MissingRequirementError(
            "This Spark installation is incomplete: it has jars, but no script that starts its daemons. Unpack Spark "
            f"again. Missing, or not executable: {script}"
        )
    (core,) = found
    return SparkInstallation(home, core["version"], core["scala"], int(core["major"]) >= _FIRST_WITH_JAKARTA)
