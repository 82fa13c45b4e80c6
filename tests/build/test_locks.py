"""What a build or a test run downloads is named exactly, with its hash, and nothing else is used."""

from __future__ import annotations

import hashlib
import importlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "ci").glob("*.lock"))
METADATA = ROOT / "gradle" / "verification-metadata.xml"


def entries(lock: Path) -> dict[str, list[str]]:
    """The SHA-256 hashes of each requirement of a lock."""
    found: dict[str, list[str]] = {}
    for line in lock.read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            found[line.split()[0]] = []
        found_hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line)
        if found_hashes:
            found[list(found)[-1]] += found_hashes
    return found


def build_system() -> list[str]:
    """The requirements of an isolated build."""
    requires: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    return requires


def build_backend() -> Any:
    """The module of the build backend."""
    sys.path.insert(0, str(ROOT / "build_backend"))
    try:
        return importlib.import_module("raydp_build")
    finally:
        sys.path.pop(0)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_of_a_lock_has_hashes(lock: Path) -> None:
    locked = entries(lock)
    assert locked
    assert [line for line, hashes in locked.items() if "==" not in line or not hashes] == [], "run ci/lock.sh"


def test_the_locks_are_those_that_the_scripts_write() -> None:
    written = re.findall(r"--output-file (ci/\S+\.lock)", (ROOT / "ci" / "lock.sh").read_text())
    assert sorted(written) == [str(lock.relative_to(ROOT)) for lock in LOCKS]


def test_scripts_install_nothing_without_hashes() -> None:
    calls = [
        (script.name, line)
        for script in sorted((ROOT / "ci").glob("*.sh"))
        for line in script.read_text().replace("\\\n", " ").splitlines()
        if re.search(r'\bpip"? install\b', line) and not line.lstrip().startswith("#")
    ]
    assert len(calls) >= 4, calls
    unverified = [(name, line) for name, line in calls if "--require-hashes" not in line]
    # The wheel that it has just built, and nothing else.
    assert [name for name, line in unverified] == ["build.sh"], unverified
    assert "--offline" in unverified[0][1]


def test_what_is_wanted_without_hashes_or_with_others_is_not_installed(tmp_path: Path) -> None:
    wheel = tmp_path / "wheels" / "sample-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("sample.py", "")
        archive.writestr("sample-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n")
        archive.writestr("sample-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("sample-1.0.dist-info/RECORD", "sample.py,,\n")
    right = hashlib.sha256(wheel.read_bytes()).hexdigest()

    def install(name: str, requirement: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / name).write_text(requirement + "\n")
        script = (
            f"source ci/environment.sh; UV={Path(sys.executable).with_name('uv')} UV_CACHE_DIR={tmp_path}/cache; "
            f"install_packages {tmp_path}/{name}.folder --no-index --find-links {wheel.parent} "
            f"--requirements {tmp_path}/{name}"
        )
        command = ["bash", "-c", f"set -euo pipefail; {script}"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)

    done = install("right", f"sample==1.0 --hash=sha256:{right}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "right.folder" / "sample.py").exists()
    for name, requirement in (("wrong", f"sample==1.0 --hash=sha256:{'0' * 64}"), ("none", "sample==1.0")):
        done = install(name, requirement)
        assert done.returncode != 0
        assert "hash" in done.stderr.lower(), done.stderr
        assert not (tmp_path / f"{name}.folder").exists()


@pytest.mark.parametrize("requirement", build_system())
def test_an_isolated_build_uses_the_locks_versions(requirement: str) -> None:
    assert requirement in entries(ROOT / "ci" / "requirements.lock")


def test_an_isolated_build_downloads_exact_versions() -> None:
    backend = build_backend()
    wanted = [*backend.TOOLS_ON_PYPI, *(source.lowest() for source in backend.JAR_SOURCES)]
    assert [one for one in wanted if not re.fullmatch(r"[a-z]+==[0-9.]+", one)] == []


def test_gradle_uses_only_the_jars_that_are_listed(tmp_path: Path) -> None:
    """One run of Gradle: with one hash changed and one jar not listed, and what ci/lock.sh runs to repair that."""
    for name in ("build.gradle", "settings.gradle", ".scalafmt.conf", "native/Cargo.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "gradle", tmp_path / "gradle")
    listed = METADATA.read_text()
    component = r' *<component [^>]*name="{}".*?</component>\n'
    changed = re.sub(component.format("scalafmt-sysops_2.13"), "", listed, flags=re.DOTALL)
    changed = re.sub(r'(name="scalafmt-cli_2.13.*?sha256 value=").{64}', r"\g<1>" + "0" * 64, changed, flags=re.DOTALL)
    assert len(changed) < len(listed)
    (tmp_path / "gradle" / METADATA.name).write_text(changed)
    command = ["gradle", "--no-daemon", "--quiet", "--continue", "scalafmtCheck", "lockDependencies"]
    done = subprocess.run(
        [*command, "-Dorg.gradle.dependency.verification=lenient", f"-Ppython={sys.executable}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode != 0
    assert "raydp: jars that the build downloads are not those of gradle/verification-metadata.xml" in done.stderr
    refused = re.findall(r"[\w.-]+:([\w.-]+):[\w.]+:[\w.-]+ has [0-9a-f]{64}", done.stderr)
    assert refused == ["scalafmt-cli_2.13", "scalafmt-sysops_2.13"], done.stderr
    # The list of all jars that any configuration downloads is the committed one.
    assert (tmp_path / "gradle" / METADATA.name).read_text() == listed, "run ci/lock.sh"
