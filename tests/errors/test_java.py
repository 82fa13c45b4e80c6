"""No Java, an old one, or two that disagree: one error that says what to do, before Ray or Spark starts."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from raydp._machine.java import find_java
from raydp.errors import MissingRequirementError
from support import programs


def fake_java(directory: Path, version: str, *, release: bool = False) -> Path:
    """Make a Java home whose java says that it is of a version."""
    home = directory / f"java-{version}"
    executable = home / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2020-01-01' >&2\n")
    executable.chmod(executable.stat().st_mode | stat.S_IXUSR)
    if release:
        (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return home


def use(monkeypatch: pytest.MonkeyPatch, *, path: list[Path], home: Path | None) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, path)))
    if home is None:
        monkeypatch.delenv("JAVA_HOME", raising=False)
    else:
        monkeypatch.setenv("JAVA_HOME", str(home))


def test_the_java_on_the_path_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = fake_java(tmp_path, "21.0.2")
    use(monkeypatch, path=[home / "bin", Path("/usr/bin"), Path("/bin")], home=None)
    java = find_java()
    assert (java.executable, java.feature_version) == (home / "bin" / "java", 21)


def test_java_8_is_called_8(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = fake_java(tmp_path, "1.8.0_392", release=True)
    use(monkeypatch, path=[home / "bin"], home=None)
    with pytest.raises(MissingRequirementError, match=r"too old.*17 or newer.*1\.8\.0_392"):
        find_java()


def test_no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, path=[tmp_path], home=None)
    with pytest.raises(MissingRequirementError, match=r"There is no Java.*apt-get install"):
        find_java()


def test_java_home_without_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = fake_java(tmp_path, "17.0.1")
    use(monkeypatch, path=[home / "bin"], home=tmp_path / "nowhere")
    with pytest.raises(MissingRequirementError, match=r"JAVA_HOME does not contain a Java.*nowhere"):
        find_java()


def test_java_home_alone_is_not_enough_for_ray(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = fake_java(tmp_path, "17.0.1")
    use(monkeypatch, path=[tmp_path], home=home)
    with pytest.raises(MissingRequirementError, match=r"no `java` is on the PATH.*JAVA_HOME/bin:\$PATH"):
        find_java()


def test_java_home_and_path_that_disagree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = fake_java(tmp_path, "17.0.1", release=True), fake_java(tmp_path, "25.0.1", release=True)
    use(monkeypatch, path=[first / "bin"], home=second)
    with pytest.raises(MissingRequirementError, match=r"name different Javas.*Java 25\.0\.1.*Java 17\.0\.1"):
        find_java()


def test_a_java_that_does_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = fake_java(tmp_path, "17.0.1")
    (home / "bin" / "java").write_text("#!/bin/sh\necho broken >&2; exit 3\n")
    use(monkeypatch, path=[home / "bin", Path("/usr/bin"), Path("/bin")], home=None)
    with pytest.raises(MissingRequirementError, match=r"does not run"):
        find_java()


def test_init_spark_says_it_before_ray_starts(tmp_path: Path) -> None:
    outcome = programs.run(
        "errors/init_spark_says_it_before_ray_starts",
        env={"PATH": f"{tmp_path}{os.pathsep}{Path(sys.executable).parent}", "JAVA_HOME": None},
    )
    assert outcome.code == 0, outcome.everything
    assert "refused: There is no Java" in outcome.output
    assert outcome.output.strip().endswith("False"), outcome.everything
