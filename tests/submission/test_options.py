"""The command line of ``raydp-submit``, without running anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from raydp._submission.options import parse

if TYPE_CHECKING:
    from pathlib import Path


def test_a_configuration_file_of_raydp_1_6_names_the_cluster(tmp_path: Path) -> None:
    file = tmp_path / "ray.conf"
    file.write_text(json.dumps({"ray": {"run-mode": "CLUSTER", "node-ip": "10.0.0.1", "address": "10.0.0.1:6379"}}))
    submission = parse(["--ray-conf", str(file), "--conf", "spark.executor.cores=2", "program.py", "--ray-conf", "own"])
    assert submission.address == "10.0.0.1:6379"
    assert submission.settings == {"spark.master": "ray", "spark.executor.cores": "2"}
    assert submission.arguments == ("--ray-conf", "own")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ["ray.conf", "No such file", "--ray-address"]),
        ("ray.address = x", ['{"ray": {"address": "HOST:PORT"}}', "JSONDecodeError"]),
        ('{"ray": {}}', ["KeyError('address')"]),
        ("[]", ["TypeError"]),
        ('{"ray": {"address": 6379}}', ["must be a text", "6379"]),
    ],
)
def test_a_configuration_file_without_an_address_is_refused(
    text: str | None, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ray.conf"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SystemExit) as ended:
        parse(["--ray-conf", str(file), "program.py"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert all(word in said for word in words), said


def test_two_addresses_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--ray-conf", "ray.conf", "--ray-address", "a:1", "program.py"])
    assert "not both: 'a:1' and 'ray.conf'" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["help", "--help"])
def test_help(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse([word])
    assert ended.value.code == 0
    assert "--ray-conf FILE" in capsys.readouterr().out


def test_only_the_program_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse([])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("the following arguments are required: application\n")
    assert parse(["program.py"]).arguments == ()
