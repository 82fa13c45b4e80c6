"""What pyproject.toml promises is what the lock installs, and the version stands in one place."""

from __future__ import annotations

import os
import sysconfig
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def locked(file: str) -> dict[str, Version]:
    """The versions that a lock in ci/ holds."""
    return {
        canonicalize_name(line.split("==")[0].split("[")[0]): Version(line.split("==")[1].split()[0])
        for line in (ROOT / "ci" / file).read_text().splitlines()
        if "==" in line and not line.lstrip().startswith("#")
    }


LOCK = locked("requirements.lock")
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)]


@pytest.mark.parametrize("line", REQUIREMENTS)
def test_the_lock_installs_the_lower_bound(line: str) -> None:
    requirement = Requirement(line)
    bounds = [Version(one.version) for one in requirement.specifier if one.operator == ">="]
    assert bounds == [LOCK[canonicalize_name(requirement.name)]], "run ci/lock.sh"


@pytest.mark.parametrize(
    "line", [line for line in (ROOT / "ci" / "requirements.in").read_text().split() if "==" in line]
)
def test_the_lock_installs_the_tools_of_ci(line: str) -> None:
    name, version = line.split("==")
    assert LOCK[canonicalize_name(name)] == Version(version), "run ci/lock.sh"


def test_the_dashboards_lock_has_what_ray_needs_beside_the_lock() -> None:
    dashboard = locked("dashboard.lock")
    assert set(dashboard) & set(LOCK) == set()
    lines = [Requirement(line) for line in metadata.requires("ray") or ()]
    wanted = [line for line in lines if line.marker is not None and line.marker.evaluate({"extra": "default"})]
    versions = {**LOCK, **dashboard}
    unmet = [str(line) for line in wanted if versions.get(canonicalize_name(line.name)) not in line.specifier]
    assert (len(wanted) > 5, unmet) == (True, []), "run ci/lock.sh"


@pytest.mark.skipif(not os.environ.get("CI"), reason="outside of ci/test.sh other versions may be installed")
def test_what_is_installed_is_the_lock() -> None:
    # By folder: Ray puts packages of its own on sys.path, psutil among them.
    found = metadata.distributions(path=[sysconfig.get_path("purelib")])
    versions = {canonicalize_name(one.metadata["Name"]): Version(one.version) for one in found}
    installed = {name: versions.get(name) for name in LOCK}
    assert installed == LOCK


def native_package(file: str) -> str:
    """The version of raydp-native in a Cargo file."""
    content = tomllib.loads((ROOT / "native" / file).read_text())
    packages = content.get("package", {})
    entries = packages if isinstance(packages, list) else [packages]
    return next(str(entry["version"]) for entry in entries if entry["name"] == "raydp-native")


def test_cargos_lock_has_the_version() -> None:
    assert native_package("Cargo.lock") == native_package("Cargo.toml")


@pytest.mark.skipif(not os.environ.get("CI"), reason="outside of ci/test.sh raydp may be used from the checkout")
def test_the_installed_package_has_the_version() -> None:
    assert Version(metadata.version("raydp")) == Version(native_package("Cargo.toml"))
