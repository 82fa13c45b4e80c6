"""Which build of raydp a jar is, and for which Spark: what its manifest says."""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING

from raydp.errors import MissingRequirementError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["REINSTALL", "build_of_jar", "spark_of_jar", "version_of_build"]

REINSTALL = "reinstall the package with `pip install --force-reinstall --no-deps raydp`"
_UNKNOWN = "unknown"


def build_of_jar(jar: Path) -> str:
    """Return the build of raydp's own jar: its version, and a hash of the sources that it and the library come from.

    Raises:
        MissingRequirementError: The jar is damaged.
    """
    return _attribute(jar, "Implementation-Version")


def spark_of_jar(jar: Path) -> str:
    """Return the version of Spark that raydp's own jar was compiled for.

    Raises:
        MissingRequirementError: The jar is damaged.
    """
    return _attribute(jar, "Specification-Version")


def version_of_build(build: str) -> str:
    """Return the version of raydp that is part of the name of a build."""
    return build.partition("+")[0]


def _attribute(jar: Path, name: str) -> str:
    try:
        with zipfile.ZipFile(jar) as archive:
            manifest = archive.read("META-INF/MANIFEST.MF").decode("utf-8")
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise MissingRequirementError(f"raydp's jar is damaged; {REINSTALL}. Jar: {jar}; error: {error}") from error
    found = re.search(rf"^{name}: (.*?)\r?$", manifest, re.MULTILINE)
    return _UNKNOWN if found is None else found[1]
