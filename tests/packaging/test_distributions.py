"""What is in the wheel, the sdist and the jar, and what the shared objects ask of a machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).resolve().parents[2]
JNI_LIBRARY = "raydp/lib/libraydp_jni.so"
JAR = "raydp/jars/raydp.jar"

#: Shared libraries that PEP 600 lets every manylinux wheel expect.
EXPECTED_LIBRARIES = {"ld-linux-x86-64.so.2", "libc.so.6", "libgcc_s.so.1", "libm.so.6"}


def names_in(wheel: Path) -> list[str]:
    """The wheel's files, less the folder whose name has the version."""
    with zipfile.ZipFile(wheel) as archive:
        return sorted(name for name in archive.namelist() if ".dist-info/" not in name)


def shared_objects(wheel: Path) -> dict[str, bytes]:
    """The wheel's shared objects by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(".so")}


def test_the_wheel_holds_every_part_once(distributions: Any) -> None:
    names = names_in(distributions.wheel)
    assert [name for name in names if name.endswith(".jar")] == [JAR]
    objects = sorted(shared_objects(distributions.wheel))
    assert len(objects) == 2, objects
    assert objects[0].startswith("raydp/_native.cpython-")
    assert objects[1] == JNI_LIBRARY
    assert {"raydp/__init__.py", "raydp/py.typed", "raydp/_native.pyi"} < set(names)
    assert {f"raydp/_machine/class_data/{role}.classes.gz" for role in ("driver", "executor")} < set(names)


def test_the_wheel_holds_every_module(distributions: Any) -> None:
    modules = {
        str(path.relative_to(ROOT / "python")) for path in (ROOT / "python").rglob("*.py*") if path.suffix != ".pyc"
    }
    assert modules <= set(names_in(distributions.wheel))


def test_the_wheels_tag_is_true_for_both_shared_objects(distributions: Any) -> None:
    tags = {str(tag.platform) for tag in parse_wheel_filename(distributions.wheel.name)[3]}
    promised = [tuple(map(int, match.groups())) for tag in tags if (match := re.match(r"manylinux_(\d+)_(\d+)_", tag))]
    assert promised, f"no manylinux tag: {tags}"
    for name, content in shared_objects(distributions.wheel).items():
        needed = max(tuple(map(int, pair)) for pair in re.findall(rb"\0GLIBC_(\d+)\.(\d+)", content))
        assert needed <= min(promised), f"{name} needs glibc {needed}"


def test_the_shared_objects_need_nothing_but_glibc(distributions: Any, tmp_path: Path) -> None:
    for name, content in shared_objects(distributions.wheel).items():
        copy = tmp_path / Path(name).name
        copy.write_bytes(content)
        dynamic = subprocess.run(["readelf", "--dynamic", copy], capture_output=True, text=True, check=True).stdout
        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
        assert "libc.so.6" in needed, name
        assert needed <= EXPECTED_LIBRARIES, name
        assert "RPATH" not in dynamic, name
        assert "RUNPATH" not in dynamic, name


def test_the_bare_jar_carries_the_wheels_library(distributions: Any) -> None:
    with zipfile.ZipFile(distributions.jar) as archive:
        libraries = {name: archive.read(name) for name in archive.namelist() if name.endswith(".so")}
        manifest = archive.read("META-INF/MANIFEST.MF").decode()
    assert libraries == {"native/linux-x86_64/libraydp_jni.so": shared_objects(distributions.wheel)[JNI_LIBRARY]}
    version = parse_wheel_filename(distributions.wheel.name)[1]
    assert re.search(rf"^Implementation-Version: {re.escape(str(version))}\+[0-9a-f]{{16}}\r$", manifest, re.MULTILINE)
    assert re.search(r"^Specification-Version: 4\.3\.\d+\r$", manifest, re.MULTILINE)


def test_the_wheels_jar_carries_no_library_but_the_same_classes(distributions: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(distributions.wheel) as archive:
        inner = archive.extract(JAR, tmp_path)
    with zipfile.ZipFile(inner) as small, zipfile.ZipFile(distributions.jar) as large:
        names = {name for name in large.namelist() if not name.startswith("native/")}
        assert set(small.namelist()) == names
        assert {name for name in names if small.read(name) != large.read(name)} == set()


def test_the_sdist_holds_what_a_build_reads(distributions: Any) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: there is nothing to compare with")
    folders = ["python", "native", "jvm", "build_backend", "gradle"]
    parts = [*folders, "*.gradle", "*.properties", ".scalafmt.conf", "pyproject.toml", "LICENSE", "NOTICE"]
    listed = subprocess.run(["git", "ls-files", "-z", "--", *parts], cwd=ROOT, capture_output=True, check=True).stdout
    tracked = {
        name for name in listed.decode().split("\0") if name and not name.endswith((".clang-format", ".clang-tidy"))
    }
    with tarfile.open(distributions.sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {name for name in tracked - packed if (ROOT / name).exists()} == set()
    assert [name for name in packed if name.endswith(".png")] == []  # README's pictures are in the repository alone


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_isolated_build_of_the_sdist_gives_the_same_wheel(distributions: Any, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--wheel-dir",
        str(tmp_path),
        str(distributions.sdist),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ, timeout=840)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = tmp_path.glob("*.whl")
    assert names_in(built) == names_in(distributions.wheel)
    assert "pyspark" not in re.findall(r"Collecting (\w+)", done.stdout), (
        "Spark was downloaded although it is installed"
    )
