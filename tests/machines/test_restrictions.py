"""Machines and containers that refuse something: a start says at once what to change, and so does the doctor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from raydp._doctor import restrictions
from raydp.errors import MissingRequirementError
from support import odd_machines, programs
from support.skipping import skipped_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = skipped_for(odd_machines.reason_to_skip())

SAID = {
    "few_files": r"too few files: Java could not load classes.*ulimit -n 65536.*limit \(`ulimit -Hn`\): 256",
    "temporary_folder_without_code": r"mounted `noexec`.*set (TMPDIR|RAY_TMPDIR) to a folder.*Folder: ",
    "no_memory_files": r"refuses memory files.*seccomp profile.*Error of memfd_create: .*Operation not permitted",
    "only_ipv6": r"no IPv4 loopback address.*ip address add 127\.0\.0\.1/8 dev lo.*Address: 127\.0\.0\.1",
    "few_threads": r"Too few processes and threads.*ulimit -u 65536.*more of 400 \(`ulimit -u`\)",
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> programs.Outcome:
    folder = tmp_path_factory.mktemp("restricted")
    found = programs.run("machines/restricted", str(folder), env={"RAY_TMPDIR": None}, timeout=120)
    assert found.code == 0, found.everything
    return found


@pytest.mark.parametrize("restriction", SAID)
def test_a_start_says_what_to_change_before_ray_starts(outcome: programs.Outcome, restriction: str) -> None:

    said = outcome.part(restriction)
    assert re.search(f"refused: .*{SAID[restriction]}", said), outcome.everything
    assert "Ray started: False" in said


def test_the_doctor_says_all_of_it(outcome: programs.Outcome) -> None:
    report = outcome.part("doctor")
    assert "code 1" in report
    broken = [line for line in report.splitlines() if line.startswith("BROKEN")]
    for subject in ("memory files", "open files", "threads", "native code"):
        assert any(subject in line for line in broken), outcome.everything


def test_what_is_only_tight_is_told_once(outcome: programs.Outcome) -> None:
    lines = outcome.part("tight").splitlines()
    assert [line.split(":")[1].strip() for line in lines if line.startswith("raydp: ")] == ["open files"], lines
    assert "ulimit -n 65536" in outcome.part("tight")


def test_threads_of_a_control_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restrictions, "CONTROL_GROUPS", tmp_path)
    (tmp_path / "pids.max").write_text("max\n")
    assert restrictions.check_threads({}) == "no limit"
    (tmp_path / "pids.max").write_text("1000\n")
    (tmp_path / "pids.current").write_text("700\n")
    with pytest.raises(MissingRequirementError, match=r"--pids-limit.*300 more of 1000 \(control group\)"):
        restrictions.check_threads({})
