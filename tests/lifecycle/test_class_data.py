"""Class-data archives: created after the first application or by a command, and used by the next application."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from raydp._machine.class_data.archives import folder_for
from raydp._machine.class_data.background import archive_in_background, first_attempt
from raydp._machine.java import find_java
from support import programs
from support.datasets import eventually

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT = ["rows: 1000", "driver []", "executor []"]
MESSAGE = "caching Java's classes in a one-time background job"


def run(cache: Path, **settings: str) -> programs.Outcome:
    """Run the program with its archives in ``cache``."""
    outcome = programs.run("lifecycle/archives_in_use", json.dumps(settings), env={"XDG_CACHE_HOME": str(cache)})
    assert outcome.code == 0, outcome.everything
    assert "cds" not in outcome.everything.lower(), outcome.everything
    return outcome


@pytest.mark.cluster
@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_second_application_starts_with_archives(tmp_path: Path) -> None:
    unwilling = run(tmp_path, **{"spark.raydp.archiveClasses": "false"})
    assert unwilling.output.splitlines() == WITHOUT and MESSAGE not in unwilling.errors, unwilling.everything
    assert not (tmp_path / "raydp").exists()

    first = run(tmp_path)
    assert first.output.splitlines() == WITHOUT and MESSAGE in first.errors, first.everything

    def finished() -> bool:
        return any(tmp_path.rglob(".*.tried"))

    assert eventually(finished, within=900), [path.read_text() for path in tmp_path.rglob(".*.log")]
    archives = sorted(tmp_path.rglob("*.jsa"))
    assert [archive.name for archive in archives] == ["driver.jsa", "executor.jsa"]

    second = run(tmp_path)
    assert second.output.splitlines() == ["rows: 1000", "driver ['driver.jsa']", "executor ['executor.jsa']"]
    assert MESSAGE not in second.errors, second.everything

    again = [sys.executable, "-m", "raydp", "archive", "--if-missing"]
    done = subprocess.run(
        again,
        env=programs.environment({"XDG_CACHE_HOME": str(tmp_path)}),
        check=True,
        timeout=60,
        stdout=subprocess.PIPE,
    )
    assert done.stdout == b""

    # As after an update in place: Java notices that an archive has changed.
    for archive in archives:
        archive.write_bytes(archive.read_bytes()[:10_000])
    assert "rows: 1000" in run(tmp_path).output


def test_one_job_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "bin").mkdir()
    nice = tmp_path / "bin" / "nice"  # the job itself takes a minute
    nice.write_text("#!/bin/sh\n")
    nice.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    java = find_java()
    with first_attempt(java) as is_first:
        assert is_first and not archive_in_background(java), "another process creates them"
    (mark,) = tmp_path.rglob(".*.tried")
    mark.unlink()
    assert archive_in_background(java)
    assert not archive_in_background(java), "the job of this process may not have begun"


def test_what_could_not_be_made_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = folder_for(find_java())
    folder.parent.mkdir(parents=True)
    mark = folder.with_name(f".{folder.name}.tried")
    once = [sys.executable, "-m", "raydp", "archive", "--once"]
    (tmp_path / "bin").mkdir()
    java = tmp_path / "bin" / "java"
    java.write_text(f'#!/bin/sh\ncase "$*" in *share:dump*) exit 1;; esac\nexec {find_java().executable} "$@"\n')
    java.chmod(0o755)
    environment = programs.environment({"JAVA_HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
    killed, running = (folder.parent / f".new-{name}" for name in ("killed", "running"))
    for left in (killed, running):
        left.mkdir()
    os.utime(killed, (0, 0))
    failed = subprocess.run(once, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert list(folder.parent.glob(".new-*")) == [running]
    assert failed.returncode == 1 and "did not create a class-data archive" in failed.stderr, failed.stderr
    assert list(tmp_path.rglob(".*.tried")) != [mark], "another Java may do"
    again = subprocess.run(once, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert (again.returncode, again.stderr) == (0, "")
