"""Another user of the machine can neither stop an application, nor read or replace what belongs to it."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import datasets, programs

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER_USER = 54321
SECRET = "for-nobody-elses-eyes"

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to another user"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that is like ``/tmp``."""
    with tempfile.TemporaryDirectory(prefix="o-", dir="/tmp") as name:
        Path(name).chmod(0o1777)
        yield Path(name)


def test_a_start_where_another_user_was_first(folder: Path, tmp_path: Path) -> None:
    taken = [folder / f"{name}-{os.getuid()}" for name in ("raydp", "raydp-ray", "raydp-native")]
    for path in taken:
        path.mkdir(mode=0o777)
        path.chmod(0o777)
        os.chown(path, OTHER_USER, OTHER_USER)
    home = tmp_path / "home"
    token = home / ".ray" / "auth_token"
    token.parent.mkdir(parents=True)
    token.write_text("ab" * 32)
    token.chmod(0o644)
    outcome = programs.run(
        "security/shared_machine",
        SECRET,
        __file__,
        env={
            "TMPDIR": str(folder),
            "RAY_TMPDIR": None,
            "HOME": str(home),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),  # archives of Java classes
            "SPARK_LOCAL_DIRS": str(tmp_path),
        },
    )
    assert outcome.code == 0, outcome.everything
    assert outcome.part("conversion").split() == ["1000", "10"]
    assert outcome.part("setting").split() == ["True"]
    assert outcome.part("command lines").split() == ["True", "False"], outcome.everything
    assert SECRET not in outcome.everything
    session = Path(outcome.part("session").strip())
    assert session.is_relative_to(folder)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (session.parent.parent, token, token.parent)}
    assert list(modes.values()) == [0o700, 0o600, 0o700], modes
    assert f"File: {token}" in outcome.errors
    assert [list(path.iterdir()) for path in taken] == [[], [], []]
    # Ray leaves its sessions. Whatever else the application put there is gone, with the processes or soon after them.
    kinds = {"raydp-", "raydp-native-", "raydp-ray-"}
    assert datasets.eventually(lambda: kinds_of_files(folder) == kinds, within=30), sorted(map(str, folder.iterdir()))


def kinds_of_files(folder: Path) -> set[str]:
    return {path.name.rstrip("abcdefghijklmnopqrstuvwxyz0123456789_") for path in folder.iterdir()}
