"""A tool that a build needs and that is missing gives one line, which names it and says how to get it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.tool_path import path_without

ROOT = Path(__file__).resolve().parents[2]
CHECK = [sys.executable, "build_backend/raydp_build.py", "check"]
COMPILERS = ["c++", "g++", "clang++"]


def run(command: list[str], path: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the checkout with that PATH and without variables that name tools."""
    kept = {name: value for name, value in os.environ.items() if name not in {"JAVA_HOME", "CXX"}}
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**kept, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_nothing_is_said_when_everything_is_there() -> None:
    done = run(CHECK, os.environ["PATH"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("tools", "name", "package"),
    [
        (["javac"], "A JDK, version 17", "openjdk-17-jdk-headless"),
        (["gradle"], "Gradle", "gradle"),
        (COMPILERS, "A C++20 compiler", "g++"),
        (["cargo"], "Rust's cargo, version 1.83", "cargo-web"),
        (["cmake"], "CMake", "cmake"),
        (["ninja"], "Ninja", "ninja-build"),
    ],
)
def test_a_missing_tool_is_named_in_one_line(tools: list[str], name: str, package: str, tmp_path: Path) -> None:
    done = run(CHECK, path_without(tools, tmp_path / "bin"))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert name in done.stderr
    assert f"apt-get install {package}" in done.stderr
    assert "on PATH" in done.stderr


def test_a_tool_that_is_too_old_is_named_with_its_version(tmp_path: Path) -> None:
    old = tmp_path / "old" / "cargo"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho cargo 1.65.0\n")
    old.chmod(0o755)
    done = run(CHECK, f"{old.parent}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "too old" in done.stderr
    assert f"Found 1.65.0: {old}" in done.stderr


def test_a_variable_that_names_no_jdk_is_named(tmp_path: Path) -> None:
    done = run(CHECK, os.environ["PATH"], JAVA_HOME=str(tmp_path))
    assert done.returncode == 1
    assert f"JAVA_HOME={tmp_path}" in done.stderr


@pytest.mark.slow
def test_pip_shows_the_line(tmp_path: Path) -> None:
    path = path_without(["gradle"], tmp_path / "bin")
    done = run([sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(tmp_path), "."], path)
    assert done.returncode != 0
    assert "raydp: Gradle is needed to build raydp and was not found" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("-Ppython=/no/such/python", "the Python '/no/such/python' cannot be started; use another with -Ppython=PATH"),
        ("-PsitePackages=/no/such", "the build needs the jars of pyspark"),
    ],
)
def test_gradle_says_what_it_needs_of_python(option: str, expected: str) -> None:
    done = run(["gradle", "--no-daemon", "--quiet", "tasks", option], os.environ["PATH"])
    assert done.returncode != 0
    assert f"raydp: {expected}" in done.stderr


@pytest.mark.slow
def test_gradle_without_a_compiler_says_that_the_jar_has_no_library(tmp_path: Path) -> None:
    path = path_without(COMPILERS, tmp_path / "bin")
    done = run(["gradle", "--no-daemon", "--dry-run", "jar", f"-Ppython={sys.executable}"], path)
    assert done.returncode == 0, done.stderr
    assert ":buildNative" not in done.stdout
    expected = "raydp: the jar has no JNI library, because there is no C++ compiler (Debian: apt-get install g++)."
    assert expected in done.stdout + done.stderr


def test_setup_without_the_right_to_install_says_what_to_install(tmp_path: Path) -> None:
    path = path_without(["gradle", "sudo", "id"], tmp_path / "bin")
    nobody = tmp_path / "bin" / "id"
    nobody.write_text("#!/bin/sh\necho 65534\n")
    nobody.chmod(0o755)
    done = run(["bash", "ci/setup.sh"], path)
    assert done.returncode == 1
    assert done.stderr == (
        "raydp: as root, run 'apt-get update && apt-get install --yes --no-install-recommends gradle', "
        "then run this again\n"
    )
