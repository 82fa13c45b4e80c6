"""``python -m raydp doctor`` on this machine, and on machines that are really broken."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import raydp
from raydp._doctor import Level, examine, machine, preflight
from raydp.errors import ClusterError, InvalidArgumentError, MissingRequirementError
from support import programs

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGE = Path(raydp.__file__).parent


def doctor(env: Mapping[str, str | None] | None = None) -> tuple[int, str]:
    """Run the doctor in a process of its own; return its exit code and what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "raydp", "doctor"],
        env=programs.environment(env),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stderr == "", done.stderr
    return done.returncode, done.stdout


def broken(report: str) -> list[str]:
    """The lines about what is broken."""
    return [line for line in report.splitlines() if line.startswith("BROKEN")]


def copied_package(folder: Path) -> Path:
    """Copy the installed package to break parts of it. Return the copy."""
    return Path(shutil.copytree(PACKAGE, folder / "raydp", ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return copied_package(tmp_path / "copy")


def test_a_healthy_machine() -> None:
    code, report = doctor()
    assert code == 0, report
    lines = report.splitlines()
    assert broken(report) == []
    for subject in ("Java", "raydp's jar", "native libraries", "memory", "shared memory", "address", "temporary files"):
        assert any(subject in line for line in lines), subject
    assert str(PACKAGE / "jars" / "raydp.jar") in report
    assert lines[-1].startswith("0 broken")


def test_no_java(tmp_path: Path) -> None:
    code, report = doctor({"PATH": str(tmp_path), "JAVA_HOME": None})
    assert code == 1
    assert "There is no Java" in broken(report)[0] and str(tmp_path) in broken(report)[0], report


def test_an_old_java(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(java.stat().st_mode | stat.S_IXUSR)
    code, report = doctor({"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "JAVA_HOME": None})
    assert code == 1
    assert "too old" in broken(report)[0] and f"11.0.2 at {java}" in broken(report)[0], report


def test_the_parts_of_the_package(package: Path) -> None:
    env = {"PYTHONPATH": str(package.parent)}
    jar, library = package / "jars" / "raydp.jar", package / "lib" / "libraydp_jni.so"
    (module,) = package.glob("_native*.so")
    whole = jar.read_bytes()

    jar.unlink()
    library.write_bytes(b"not a library")
    code, report = doctor(env)
    assert code == 1
    assert any("raydp's jar is missing" in line and str(jar) in line for line in broken(report)), report
    assert any("native library cannot be loaded" in line and str(library) in line for line in broken(report)), report

    jar.write_bytes(whole[: len(whole) // 2])
    module.unlink()
    code, report = doctor(env)
    assert code == 1
    assert any("jar is damaged" in line and str(jar) in line for line in broken(report)), report
    assert any("native module cannot be loaded" in line and str(package) in line for line in broken(report)), report


def test_a_jar_of_another_version(package: Path) -> None:
    jar = package / "jars" / "raydp.jar"
    jar.unlink()
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nImplementation-Version: 1.6.0\r\n")
    code, report = doctor({"PYTHONPATH": str(package.parent)})
    assert code == 1
    assert any("different versions" in line and f"jar: 1.6.0 at {jar}" in line for line in broken(report)), report


def test_other_sparks(tmp_path: Path) -> None:
    code, report = doctor({"SPARK_HOME": str(tmp_path)})
    assert code == 1
    assert any("not a Spark installation" in line and str(tmp_path) in line for line in broken(report)), report
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "spark-core_2.13-3.5.7.jar").write_bytes(b"")
    code, report = doctor({"SPARK_HOME": str(tmp_path)})
    assert code == 1
    assert any("different versions" in line and "3.5.7" in line for line in broken(report)), report
    assert any("damaged" in line and "spark-core_2.13-3.5.7.jar" in line for line in broken(report)), report


def test_an_interpreter_that_is_none_and_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    code, report = doctor({"PYSPARK_PYTHON": str(tmp_path / "python"), "TMPDIR": "/proc"})
    assert code == 1
    assert any("interpreter" in line and str(tmp_path / "python") in line for line in broken(report)), report
    # Python falls back to another folder, so this alone breaks nothing.
    assert any(line.startswith("warning") and line.endswith("TMPDIR: /proc") for line in report.splitlines()), report


def test_an_address_of_another_machine() -> None:
    with pytest.raises(ClusterError, match=r"Nothing can listen.*--node-ip-address.*192\.0\.2\.1"):
        machine.check_address("192.0.2.1")
    machine.check_address("127.0.0.1")


def test_shared_memory_that_is_missing_or_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingRequirementError, match=r"no shared memory.*--shm-size.*nowhere"):
        machine.check_shared_memory({}, folder=tmp_path / "nowhere")
    monkeypatch.setattr(machine, "_STORE_SHARE", 1e6)
    small = machine.check_shared_memory({})
    assert not isinstance(small, str) and small.level is Level.WARNING and "--shm-size" in small.text


@pytest.mark.parametrize("version", [1, 2])
def test_memory_of_a_control_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    folder = tmp_path if version == 2 else tmp_path / "memory"
    folder.mkdir(exist_ok=True)
    limit, use = (
        ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    )
    (folder / limit).write_text(f"{1 << 30}\n")
    (folder / "memory.stat").write_text(f"{'total_' if version == 1 else ''}inactive_file {200 << 20}\n")
    (folder / use).write_text(f"{300 << 20}\n")
    monkeypatch.setattr(machine, "CONTROL_GROUPS", tmp_path)
    found = machine.check_memory({})
    assert not isinstance(found, str) and found.level is Level.WARNING and "0.9 GiB free of 1.0 GiB" in found.text
    (folder / use).write_text(f"{900 << 20}\n")
    found = machine.check_memory({})
    assert not isinstance(found, str) and "memory for no executor" in found.text
    assert "0.3 GiB free of 1.0 GiB (control group)" in found.text
    (folder / limit).write_text(f"{512 << 20}\n")
    with pytest.raises(MissingRequirementError, match=r"too little memory.*of 0\.5 GiB \(control group\)"):
        machine.check_memory({})
    (folder / limit).write_text("max\n" if version == 2 else f"{(1 << 63) - 4096}\n")
    assert "(machine)" in str(machine.check_memory({}))


def test_the_part_at_every_start_takes_no_time() -> None:
    preflight({})  # modules and files are warm afterwards, as they are while a program runs
    begin = time.process_time()
    preflight({})
    assert time.process_time() - begin < 0.05
    assert [finding.subject for finding in examine() if finding.level is Level.BROKEN] == []


def test_init_spark_looks_before_ray_starts(package: Path) -> None:
    (package / "jars" / "raydp.jar").unlink()
    outcome = programs.run(
        "doctor/init_spark_looks_before_ray_starts",
        env={"PYTHONPATH": str(package.parent)},
    )
    assert outcome.code == 0, outcome.everything
    assert "refused: raydp's jar is missing" in outcome.output
    assert outcome.output.strip().endswith("False"), outcome.everything


def test_local_folders_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InvalidArgumentError, match=r"spark\.local\.dir: .*/proc/none.*Not a directory"):
        preflight({"spark.local.dir": f"/proc/none,{file}/below"})
    warning = machine.check_local_folders({"spark.local.dir": f"/proc/none,{tmp_path}/new/folder"})
    assert not isinstance(warning, str) and "/proc/none" in warning.text and "new" not in warning.text
    assert not (tmp_path / "new").exists()
    monkeypatch.setenv("SPARK_LOCAL_DIRS", f"{file}/below")
    with pytest.raises(InvalidArgumentError, match="SPARK_LOCAL_DIRS"):
        preflight({"spark.local.dir": str(tmp_path)})
