"""Whose files may be loaded. ``TrustedPathsSuite`` checks the same cases of the JVMs' rule."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from raydp._machine.class_data import Role, find_archive
from raydp._machine.class_data.archives import folder_for
from raydp._machine.class_data.background import archive_in_background
from raydp._machine.class_data.making import make_archives
from raydp._machine.java import Java
from raydp._machine.ray_token import protect_token
from raydp._machine.socket_folder import prepare_socket, remove_folder
from raydp._machine.trusted_paths import find_untrusted, is_trusted
from raydp._ray.session_folder import folder_for_new_cluster, protect_session
from raydp.errors import ClusterError, MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER_USER = 54321

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that everyone can enter, in the sticky folder for temporary files."""
    with tempfile.TemporaryDirectory(prefix="trust-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def make_file(path: Path, mode: int = 0o644) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("x")
    path.chmod(mode)
    return path


def test_own_files_in_a_sticky_folder_are_trusted(folder: Path) -> None:
    file = make_file(folder / "a" / "file")
    assert find_untrusted(file) is None
    assert is_trusted(file)
    assert not is_trusted(folder / "missing")


@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_what_others_can_write_is_not_trusted(folder: Path, mode: int) -> None:
    file = make_file(folder / "a" / "file")
    file.parent.chmod(mode)
    assert find_untrusted(file) == file.parent
    file.parent.chmod(0o755)
    file.chmod(mode & 0o666)
    assert find_untrusted(file) == file


def test_a_sticky_folder_protects_what_it_contains_but_not_itself(folder: Path) -> None:
    file = make_file(folder / "a" / "file")
    file.parent.chmod(0o1777)
    assert find_untrusted(file) is None
    assert find_untrusted(file.parent) == file.parent


def test_what_nobody_can_reach_need_not_be_protected_itself(folder: Path) -> None:
    file = make_file(folder / "a" / "b" / "file", 0o666)
    file.parent.chmod(0o777)
    file.parent.parent.chmod(0o700)
    assert find_untrusted(file) is None
    link = folder / "link"
    link.symlink_to(file)
    assert find_untrusted(link) is None
    (folder / "a" / "out").symlink_to(Path("..") / "open")
    make_file(folder / "open", 0o666)
    assert find_untrusted(folder / "a" / "out") == folder / "open"


def test_links_are_followed(folder: Path) -> None:
    file = make_file(folder / "real" / "file")
    for target in (file.parent, Path("real"), Path("..") / folder.name / "real"):
        link = folder / "link"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        assert find_untrusted(link / "file") is None
        file.parent.chmod(0o777)
        assert find_untrusted(link / "file") == file.parent
        file.parent.chmod(0o755)
    (folder / "circle").symlink_to("circle")
    with pytest.raises(OSError, match="links"):
        find_untrusted(folder / "circle")


@needs_root
def test_what_belongs_to_another_user_is_not_trusted(folder: Path) -> None:
    file = make_file(folder / "a" / "file")
    os.chown(file.parent, OTHER_USER, -1)
    assert find_untrusted(file) == file.parent
    os.chown(file.parent, 0, -1)
    os.chown(file, OTHER_USER, -1)
    assert find_untrusted(file) == find_untrusted(file, only_owners=True) == file
    # A link can be replaced by whoever owns it, also in a sticky folder.
    own = make_file(folder / "own")
    link = folder / "link"
    link.symlink_to(own)
    os.chown(link, OTHER_USER, -1, follow_symlinks=False)
    assert find_untrusted(link) == link


@needs_root
def test_a_group_counts_as_others(folder: Path) -> None:
    file = make_file(folder / "file", 0o664)
    assert find_untrusted(file) is None  # the administrator's group
    os.chown(file, -1, OTHER_USER)
    assert find_untrusted(file) == file


def test_archives_that_others_can_write_are_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = Java(Path("/usr/bin/java"), "17")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    found = folder_for(java)
    assert found is not None
    archive = make_file(found / "driver.jsa")
    assert find_archive(java, Role.DRIVER) == archive
    archive.parent.chmod(0o777)
    assert find_archive(java, Role.DRIVER) is None


@pytest.mark.parametrize("home", [None, "/nonexistent-home"])
def test_no_home_means_no_archive(monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    if home is None:  # nor an entry in the password file

        def fail(_: object) -> Path:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr(Path, "home", classmethod(fail))
    else:
        monkeypatch.setenv("HOME", home)
    java = Java(Path("/usr/bin/java"), "17")
    assert find_archive(java, Role.DRIVER) is None
    assert not archive_in_background(java)
    assert protect_token() is None
    with pytest.raises(MissingRequirementError, match="XDG_CACHE_HOME"):
        make_archives(java)


def test_rays_token_becomes_private(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    monkeypatch.setenv("HOME", str(folder))
    assert protect_token() is None
    assert (folder / ".ray").stat().st_mode & 0o777 == 0o700
    token = make_file(folder / ".ray" / "auth_token")
    assert protect_token() is None, "nobody could reach it"
    assert token.stat().st_mode & 0o777 == 0o600
    token.chmod(0o644)
    token.parent.chmod(0o755)
    assert protect_token() == token
    assert (token.stat().st_mode & 0o777, token.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_session_folder_is_closed_to_others(folder: Path) -> None:
    session = folder / "ray" / "session_1"
    make_file(session / "libcore_worker_library_java.so")
    for path in (session, session.parent):
        path.chmod(0o777)
    protect_session(session)
    assert session.stat().st_mode & 0o777 == 0o700
    assert session.parent.stat().st_mode & 0o7777 == 0o1777
    protect_session(session)


@needs_root
def test_a_session_that_others_can_change_is_rejected(folder: Path) -> None:
    session = folder / "ray" / "session_1"
    library = make_file(session / "libcore_worker_library_java.so")
    os.chown(library, OTHER_USER, -1)
    with pytest.raises(ClusterError, match=r"can replace files that Ray loads.*libcore_worker_library_java"):
        protect_session(session)
    os.chown(library, 0, -1)
    os.chown(session, OTHER_USER, -1)
    with pytest.raises(ClusterError, match="RAY_TMPDIR"):
        protect_session(session)
    os.chown(session, 0, -1)
    os.chown(session.parent, OTHER_USER, -1)
    with pytest.raises(ClusterError, match=r"Not protected: .*/ray,"):
        protect_session(session)


def test_a_new_cluster_gets_a_private_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    assert folder_for_new_cluster() is None, "the user has chosen a folder: RAY_TMPDIR"
    chosen = folder / f"raydp-ray-{os.getuid()}"
    with monkeypatch.context() as changes:
        changes.delenv("RAY_TMPDIR")
        changes.setenv("TMPDIR", str(folder))  # no cluster has left its address here
        changes.setenv("RAY_ADDRESS", "10.0.0.1:6379")
        assert folder_for_new_cluster() is None
        changes.delenv("RAY_ADDRESS")
        assert folder_for_new_cluster() == chosen / "ray"
        assert chosen.stat().st_mode & 0o777 == 0o700
        chosen.chmod(0o755)  # as if somebody else had made it
        other = folder_for_new_cluster()
    assert other is not None and other.parent != chosen
    assert other.parent.stat().st_mode & 0o777 == 0o700


def test_a_taken_name_does_not_stop_an_agent(folder: Path) -> None:
    token = bytes(range(32))
    usual = folder / "raydp-0" / "application" / "node.sock"
    path = prepare_socket(usual, token)
    assert path == usual
    remove_folder(path, token)
    assert list(usual.parent.parent.iterdir()) == []
    usual.parent.parent.chmod(0o755)  # as if somebody else had made it
    path = prepare_socket(usual, token)
    assert path.parent.parent.parent == folder and path.parent.parent != usual.parent.parent
    assert {part.stat().st_mode & 0o777 for part in (path.parent, path.parent.parent)} == {0o700}
    remove_folder(path, token)
    assert [found.name for found in folder.iterdir()] == ["raydp-0"]
