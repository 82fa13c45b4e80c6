"""The build backend (PEP 517 and 660): Gradle builds the jar, then maturin builds the rest.

Run as a script, ``python build_backend/raydp_build.py check`` looks for the tools that a build needs and
prints one line about the first one that is missing.
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

ROOT = Path(__file__).resolve().parent.parent
JAR = ROOT / "python" / "raydp" / "jars" / "raydp.jar"
ConfigSettings = Mapping[str, object] | None


@dataclass(frozen=True)
class Tool:
    """A program that a build needs: what it is, how to find it, and how to get it.

    Attributes:
        description: What the message calls it.
        commands: Names to look for on PATH; one is enough.
        debian: Debian's package.
        elsewhere: Where others get it.
        oldest: The oldest version that will do; empty if any does.
        variable: The environment variable that names it instead of PATH.
        in_variable: Where it lies below the folder that the variable names; empty if that names the program.
    """

    description: str
    commands: tuple[str, ...]
    debian: str
    elsewhere: str
    oldest: tuple[int, ...] = ()
    variable: str = ""
    in_variable: str = ""

    def complaint(self) -> str | None:
        """One line that says what is missing or too old and how to get it; None if all is well."""
        named = os.environ.get(self.variable, "") if self.variable else ""
        candidates = (str(Path(named, self.in_variable)) if self.in_variable else named,) if named else self.commands
        found = next(filter(None, map(shutil.which, candidates)), None)
        have = _version_of(found) if found and self.oldest else ()
        if found and have >= self.oldest:
            return None
        if found:
            what = "the one here is too old"
            values = f"Found {'.'.join(map(str, have)) or 'no version'}: {found}"
        else:
            what = "is not there"
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
#: pip can bring these itself, so an isolated build asks for them instead of complaining.
TOOLS_ON_PYPI = {
    "cmake>=3.25": Tool("CMake, version 3.20 or newer,", ("cmake",), "cmake", "pip install cmake", (3, 20)),
    "ninja": Tool("Ninja", ("ninja",), "ninja-build", "pip install ninja"),
}


def check_tools(tools: tuple[Tool, ...]) -> None:
    """Raise SystemExit with one line about the first of the tools that is missing."""
    for complaint in filter(None, (tool.complaint() for tool in tools)):
        sys.exit(f"raydp: {complaint}")


# ---- Spark's and Ray's jars: those of the installed Python packages, else a build requirement ------------


@dataclass(frozen=True)
class JarSource:
    """A Python package whose jars the JVM side is compiled against."""

    package: str
    path: str

    def requirement(self) -> str:
        """What pyproject.toml asks of this package, without extras, such as ``ray>=2.60.0,<2.61``."""
        dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
        line = next(line for line in dependencies if re.match(rf"{self.package}\b", line))
        return re.sub(r"\[.*?\]", "", line)

    def is_in(self, folder: str) -> bool:
        """Whether that site-packages folder holds the package in the series that is asked for."""
        if not Path(folder, self.path).exists():
            return False
        series = re.search(r">=(\d+\.\d+\.)", self.requirement())
        found = metadata.distributions(name=self.package, path=[folder])
        return series is not None and any(one.version.startswith(series.group(1)) for one in found)


JAR_SOURCES = (JarSource("pyspark", "pyspark/jars"), JarSource("ray", "ray/jars/ray_dist.jar"))


def _candidate_folders() -> Iterator[str]:
    yield from filter(None, os.environ.get("RAYDP_SITE_PACKAGES", "").split(os.pathsep))
    yield from filter(None, sys.path)
    # In pip's isolated builds: the environment that is installed into, which sys.path leaves out there.
    yield from (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages())
    yield site.getusersitepackages()


def find_jars(source: JarSource) -> str | None:
    """The first site-packages folder that holds the package, or None."""
    return next(filter(source.is_in, _candidate_folders()), None)


def _build_jar() -> None:
    folders = []
    for source in JAR_SOURCES:
        folder = find_jars(source)
        if folder is None:
            sys.exit(
                f"raydp: the jars of {source.package} are needed to compile against and are not there; "
                f"pip install '{source.requirement()}', or name the site-packages that hold them in "
                f"RAYDP_SITE_PACKAGES. Looked for {source.path} in {', '.join(dict.fromkeys(_candidate_folders()))}."
            )
        folders.append(folder)
    command = [
        "gradle",
        "--no-daemon",
        "--quiet",
        "wheelJar",
        f"-PsitePackages={os.pathsep.join(dict.fromkeys(folders))}",
    ]
    # Not on stdout: a front end may parse that.
    done = subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False)
    if done.returncode:
        sys.exit(f"raydp: Gradle could not build the jar; its messages are above. Command: {' '.join(command)}")
    JAR.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "build" / "wheel" / JAR.name, JAR)


# ---- The hooks -------------------------------------------------------------------------------------------


def get_requires_for_build_wheel(config_settings: ConfigSettings = None) -> list[str]:
    """What pip has to bring: only what this machine does not have."""
    check_tools(TOOLS)
    tools = [requirement for requirement, tool in TOOLS_ON_PYPI.items() if tool.complaint()]
    return tools + [source.requirement() for source in JAR_SOURCES if find_jars(source) is None]


get_requires_for_build_editable = get_requires_for_build_wheel


def get_requires_for_build_sdist(config_settings: ConfigSettings = None) -> list[str]:
    """Nothing: sources are packed, not built."""
    return []


def _maturin(hook: str, *arguments: object) -> str:
    """Call one of maturin's own hooks; they start ``maturin`` through PATH, so it has to be there."""
    scripts = sysconfig.get_path("scripts")
    if scripts not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([scripts, os.environ["PATH"]])
    return str(getattr(importlib.import_module("maturin"), hook)(*arguments))


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: ConfigSettings = None) -> str:
    """Write the wheel's metadata."""
    return _maturin("prepare_metadata_for_build_wheel", metadata_directory, config_settings)


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_wheel(
    wheel_directory: str, config_settings: ConfigSettings = None, metadata_directory: str | None = None
) -> str:
    """Build jar, JNI library and Python module into one wheel."""
    check_tools(TOOLS + tuple(TOOLS_ON_PYPI.values()))
    _build_jar()
    return _maturin("build_wheel", wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: ConfigSettings = None, metadata_directory: str | None = None
) -> str:
    """The same in place, for ``pip install --no-build-isolation -e .``."""
    check_tools(TOOLS + tuple(TOOLS_ON_PYPI.values()))
    _build_jar()
    return _maturin("build_editable", wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: ConfigSettings = None) -> str:
    """Pack the sources."""
    return _maturin("build_sdist", sdist_directory, config_settings)


if __name__ == "__main__":
    if sys.argv[1:] != ["check"]:
        sys.exit(f"usage: {sys.argv[0]} check")
    check_tools(TOOLS + tuple(TOOLS_ON_PYPI.values()))
