"""The build backend (PEP 517 and 660): Gradle builds the jar, then maturin builds the rest.

Run as a script, ``python build_backend/raydp_build.py check`` looks for the tools that a build needs and
prints one line about the first missing one.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import site
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import raydp_parts

ROOT = Path(__file__).resolve().parent.parent
JAR = ROOT / "python" / "raydp" / "jars" / "raydp.jar"
ConfigSettings = Mapping[str, object] | None


@dataclass(frozen=True)
class Tool:
    """A program that a build needs: what it is, how to find it, and how to get it.

    Attributes:
        description: Name in messages.
        commands: Names to look for on PATH; one of them is enough.
        debian: Debian package.
        elsewhere: Where to get it on other systems.
        oldest: Oldest supported version; empty if any version works.
        variable: Environment variable that selects the tool instead of PATH.
        in_variable: Path of the tool below the folder in the variable; empty if the variable names the program.
    """

    description: str
    commands: tuple[str, ...]
    debian: str
    elsewhere: str
    oldest: tuple[int, ...] = ()
    variable: str = ""
    in_variable: str = ""

    def complaint(self) -> str | None:
        """Return one line that says what is missing or too old and how to get it, or None."""
        named = os.environ.get(self.variable, "") if self.variable else ""
        candidates = (str(Path(named, self.in_variable)) if self.in_variable else named,) if named else self.commands
        found = next(filter(None, map(shutil.which, candidates)), None)
        have = _version_of(found) if found and self.oldest else ()
        if found and have >= self.oldest:
            return None
        if found:
            what = "the installed one is too old"
            values = f"Found {'.'.join(map(str, have)) or 'no version'}: {found}"
        else:
            what = "was not found"
            values = f"Looked for {f'{self.variable}={named}' if named else ' or '.join(self.commands) + ' on PATH'}"
        return (
            f"{self.description} is needed to build raydp and {what}; "
            f"install it (Debian: apt-get install {self.debian}; elsewhere: {self.elsewhere}). {values}"
        )


def _version_of(command: str) -> tuple[int, ...]:
    answer = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"\d+(\.\d+)*", answer.stdout + answer.stderr)
    return tuple(map(int, match.group().split("."))) if match else ()


TOOLS = (
    Tool(
        "A JDK, version 17 or newer,",
        ("javac",),
        "openjdk-17-jdk-headless",
        "https://adoptium.net",
        (17,),
        "JAVA_HOME",
        "bin/javac",
    ),
    Tool("Gradle", ("gradle",), "gradle", "https://gradle.org/install"),
    Tool(
        "A C++20 compiler (g++ 11, clang 14 or newer)",
        ("c++", "g++", "clang++"),
        "g++",
        "your package manager",
        (11,),
        "CXX",
    ),
    Tool("Rust's cargo, version 1.83 or newer,", ("cargo",), "cargo-web", "https://rustup.rs", (1, 83)),
)
#: pip can install these tools, so an isolated build requests them instead of failing. Always the same versions.
TOOLS_ON_PYPI = {
    "cmake==4.4.4": Tool("CMake, version 3.20 or newer,", ("cmake",), "cmake", "pip install cmake", (3, 20)),
    "ninja==1.13.2": Tool("Ninja", ("ninja",), "ninja-build", "pip install ninja"),
}


def check_tools(tools: tuple[Tool, ...]) -> None:
    """Raise SystemExit with one line about the first missing tool."""
    for complaint in filter(None, (tool.complaint() for tool in tools)):
        sys.exit(f"raydp: {complaint}")


# ---- Jars of Spark and Ray: from the installed Python packages, or a build requirement -------------------


@dataclass(frozen=True)
class JarSource:
    """A Python package with jars that the JVM side needs to compile."""

    package: str
    path: str

    def requirement(self) -> str:
        """Return the requirement in pyproject.toml without extras, such as ``ray>=2.60.0,<2.61``."""
        dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
        line = next(line for line in dependencies if re.match(rf"{self.package}\b", line))
        return re.sub(r"\[.*?\]", "", line)

    def lowest(self) -> str:
        """Return the requirement of the lowest supported version, with which the tests run: ``ray==2.60.0``."""
        return re.sub(r">=([\w.]+).*", r"==\1", self.requirement())

    def is_in(self, folder: str) -> bool:
        """Whether a site-packages folder contains a supported version of the package."""
        if not Path(folder, self.path).exists():
            return False
        series = re.search(r">=(\d+\.\d+\.)", self.requirement())
        found = metadata.distributions(name=self.package, path=[folder])
        return series is not None and any(one.version.startswith(series.group(1)) for one in found)


JAR_SOURCES = (JarSource("pyspark", "pyspark/jars"), JarSource("ray", "ray/jars/ray_dist.jar"))


def _candidate_folders() -> Iterator[str]:
    yield from filter(None, os.environ.get("RAYDP_SITE_PACKAGES", "").split(os.pathsep))
    yield from filter(None, sys.path)
    # In an isolated build of pip, sys.path does not contain the environment that pip installs into.
    yield from (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages())
    yield site.getusersitepackages()


def find_jars(source: JarSource) -> str | None:
    """Return the first site-packages folder that contains the package, or None."""
    return next(filter(source.is_in, _candidate_folders()), None)


def _build_jar() -> None:
    folders = []
    for source in JAR_SOURCES:
        folder = find_jars(source)
        if folder is None:
            sys.exit(
                f"raydp: the build needs the jars of {source.package}, which were not found; run "
                f"`pip install '{source.requirement()}'`, or set RAYDP_SITE_PACKAGES to the folder that contains it. "
                f"Looked for {source.path} in {', '.join(dict.fromkeys(_candidate_folders()))}."
            )
        folders.append(folder)
    command = [
        "gradle",
        "--no-daemon",
        "--quiet",
        "wheelJar",
        f"-PsitePackages={os.pathsep.join(dict.fromkeys(folders))}",
    ]
    # Not on stdout, because a front end may parse it.
    done = subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False)
    if done.returncode:
        sys.exit(f"raydp: Gradle could not build the jar; its messages are above. Command: {' '.join(command)}")
    JAR.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "build" / "wheel" / JAR.name, JAR)


# ---- The hooks -------------------------------------------------------------------------------------------


def get_requires_for_build_wheel(config_settings: ConfigSettings = None) -> list[str]:
    """Return the requirements that pip must install: only those that this machine does not have."""
    check_tools(TOOLS)
    tools = [requirement for requirement, tool in TOOLS_ON_PYPI.items() if tool.complaint()]
    return tools + [source.lowest() for source in JAR_SOURCES if find_jars(source) is None]


get_requires_for_build_editable = get_requires_for_build_wheel


def get_requires_for_build_sdist(config_settings: ConfigSettings = None) -> list[str]:
    """Return nothing: an sdist is packed, not built."""
    return []


def _maturin(hook: str, *arguments: object) -> str:
    """Call one of maturin's hooks. They run ``maturin`` from PATH, so its folder must be there."""
    scripts = sysconfig.get_path("scripts")
    if scripts not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([scripts, os.environ["PATH"]])
    return str(getattr(importlib.import_module("maturin"), hook)(*arguments))


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: ConfigSettings = None) -> str:
    """Write the metadata of the wheel."""
    return _maturin("prepare_metadata_for_build_wheel", metadata_directory, config_settings)


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_wheel(
    wheel_directory: str, config_settings: ConfigSettings = None, metadata_directory: str | None = None
) -> str:
    """Build the jar, the JNI library and the Python module into one wheel."""
    check_tools(TOOLS + tuple(TOOLS_ON_PYPI.values()))
    _build_jar()
    raydp_parts.write_for_wheel()
    return _maturin("build_wheel", wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: ConfigSettings = None, metadata_directory: str | None = None
) -> str:
    """Build the same in place, for ``pip install --no-build-isolation -e .``."""
    check_tools(TOOLS + tuple(TOOLS_ON_PYPI.values()))
    _build_jar()
    raydp_parts.write_for_wheel()
    return _maturin("build_editable", wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: ConfigSettings = None) -> str:
    """Pack the sources."""
    return _maturin("build_sdist", sdist_directory, config_settings)


if __name__ == "__main__":
    if sys.argv[1:] != ["check"]:
        sys.exit(f"usage: {sys.argv[0]} check")
    check_tools(TOOLS + tuple(TOOLS_ON_PYPI.values()))
