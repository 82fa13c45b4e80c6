"""A JVM and an application where the host's name does not resolve, and the user has neither a name nor a home."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from raydp._machine.installation import MODULE_OPTIONS, class_path
from support import datasets, odd_machines, programs
from support.skipping import skipped_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = skipped_for(odd_machines.reason_to_skip())


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Return a folder for temporary files whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="n-", dir="/tmp") as name:
        yield Path(name)


def test_a_jvm_without_names_works_and_leaves_no_libraries(temporary: Path) -> None:
    program = Path(__file__).parents[1] / "programs" / "machines" / "Nameless.java"
    done = subprocess.run(
        [
            *odd_machines.without_names(),
            "java",
            *MODULE_OPTIONS,
            "-cp",
            os.pathsep.join(map(str, class_path())),
            str(program),
        ],
        env=programs.environment({**odd_machines.without_home(), "TMPDIR": str(temporary)}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 9, done
    for fact in ("settings: true", f"user: {odd_machines.UNKNOWN_USER}", "host: [::1]"):
        assert fact in lines, done
    assert any("Hadoop alone: " in line for line in lines), done
    (cause,) = [line for line in lines if line.startswith("cause: ")]
    assert "ExceptionInInitializerError,   caused by java.net.UnknownHostException: nowhere,  \tat" in cause.replace(
        ", \tat", ",  \tat"
    ), cause
    assert {"lz4: true", "zstd: true", "snappy: true"} <= set(lines), done
    files = [line for line in lines if line.startswith("file: ")]
    assert files and all(line.startswith("file: raydp-libraries-") for line in files), files
    # A shell deletes them after the end of the JVM.
    assert datasets.eventually(lambda: not list(temporary.iterdir()), within=30), list(temporary.iterdir())


@pytest.mark.cluster
def test_an_application_without_names(temporary: Path) -> None:
    outcome = programs.run(
        "machines/nameless",
        env={**odd_machines.without_home(), "TMPDIR": str(temporary)},
        within=odd_machines.without_names(),
    )
    assert outcome.code == 0, outcome.everything
    assert outcome.part("names").split() == ["False", odd_machines.UNKNOWN_HOST]
    assert "no entry in the password file" in outcome.part("spark-submit"), outcome.everything
    user = str(odd_machines.UNKNOWN_USER)
    assert outcome.part("application").splitlines() == ["1000 10", "7", user, "one executor"]
    token = Path(outcome.part("token").strip())
    assert token.is_relative_to(temporary) and stat.S_IMODE(token.stat().st_mode) == 0o600
    # Ray leaves its sessions, and raydp its sockets' folder. Nothing leaves native libraries.
    left = {f"raydp-ray-{user}", f"raydp-{user}"}
    assert datasets.eventually(lambda: {path.name for path in temporary.iterdir()} <= left, within=30), list(
        temporary.iterdir()
    )
