"""Users that have neither a name nor a home that can be written, on a host whose name does not resolve."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from raydp._machine.home import find_home
from raydp._machine.ray_token import provide_token
from support import odd_machines, programs
from support.skipping import skipped_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = skipped_for(odd_machines.reason_to_skip())


def raydp_command(*arguments: str, env: dict[str, str | None]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*odd_machines.without_names(), sys.executable, "-m", "raydp", *arguments],
        env=programs.environment(env),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_doctor_needs_no_names() -> None:
    done = raydp_command("doctor", env={**odd_machines.without_home(), "RES_OPTIONS": "timeout:1 attempts:1"})
    assert done.returncode == 0 and done.stderr == "", done
    assert "name of this machine does not resolve" in done.stdout and odd_machines.UNKNOWN_HOST in done.stdout
    assert "none yet" in done.stdout


@pytest.mark.parametrize(("home", "option"), [(None, []), ("/proc/1", []), ("/proc/1", ["--once"])])
def test_without_a_home_that_can_be_written_there_is_no_archive(home: str | None, option: list[str]) -> None:
    done = raydp_command("archive", *option, env={**odd_machines.without_home(), "HOME": home})
    assert done.returncode == (0 if option else 1) and "Traceback" not in done.stderr, done
    assert "Class-data archives cannot be written" in done.stderr or "no home folder" in done.stderr, done
    assert option or ("XDG_CACHE_HOME" in done.stderr and len(done.stderr.splitlines()) == 1), done


@pytest.mark.parametrize("home", [odd_machines.closed_home(), "relative", "/etc/passwd"])
def test_a_home_that_is_none(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    monkeypatch.setenv("HOME", home)
    assert find_home() is None


@pytest.fixture
def without_token() -> Iterator[None]:
    """Take all of Ray's settings of tokens out of the environment, and restore it afterwards."""
    with mock.patch.dict(os.environ):
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
            os.environ.pop(name, None)
        yield


@pytest.mark.parametrize("home", [odd_machines.closed_home(), "/proc/1"])
@pytest.mark.usefixtures("without_token")
def test_rays_token_is_elsewhere_without_a_home(tmp_path: Path, home: str) -> None:
    os.environ["HOME"] = home
    provide_token(lambda: tmp_path, create=False)  # to join a cluster; it may need none
    assert "RAY_AUTH_TOKEN_PATH" not in os.environ
    provide_token(lambda: tmp_path, create=True)
    token = tmp_path / "auth_token"
    content = token.read_text()
    assert os.environ["RAY_AUTH_TOKEN_PATH"] == str(token) and len(content) == 64
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    del os.environ["RAY_AUTH_TOKEN_PATH"]
    provide_token(lambda: tmp_path, create=True)
    assert os.environ["RAY_AUTH_TOKEN_PATH"] == str(token) and token.read_text() == content


@pytest.mark.usefixtures("without_token")
def test_rays_token_is_in_a_home_that_can_hold_it(tmp_path: Path) -> None:
    os.environ["HOME"] = str(tmp_path)
    provide_token(lambda: pytest.fail("no other folder is needed"), create=True)
    assert "RAY_AUTH_TOKEN_PATH" not in os.environ
