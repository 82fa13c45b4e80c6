"""One registry per language, which say the same, and the page that is printed from them."""

from __future__ import annotations

import logging
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from raydp._configuration import former_names as _former_names
from raydp._configuration import registry
from raydp._machine import installation as _installation
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parents[2]
VALUES = [
    *("1023", "1024", "65535", "65536"),
    *("", "0", "1", "+2", "-1", "01", "2147483647", "2147483648", "1.5", "1.", ".5", "1e3", "NaN", "Infinity", "٣"),
    *("5s", "500ms", "0.4ms", "2m", "1.5 min", "1h", "5 days", "1 S", "0s", "9" * 30),
    *("1k", "1m", "64M", "64mb", "1g", "1025m", "2gb", "8 m", "1.5g", "m", "99999999999t"),
    *("true", "False", "YES", "on", "0", "auto", "AUTO", "Shared-Memory", "perhaps"),
    *("PACK", "pack", "STRICT_SPREAD", "0aFF", "abc", "zz", "0", "0, 2,1", "0,,1", ",", "a-b.c_1", "a/b", "x" * 41),
]


def printed(*options: str, standard_input: str = "") -> str:
    """Return what the registry in the jar prints."""
    (scala,) = (_installation.spark_home() / "jars").glob("scala-library-*.jar")
    java = shutil.which("java")
    assert java is not None
    command = [java, "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8"]
    command += ["-cp", f"{_installation.raydp_jar()}:{scala}", "io.raydp.configuration.ConfigurationPage", *options]
    done = subprocess.run(command, input=standard_input, capture_output=True, encoding="utf-8", check=True, timeout=60)
    return done.stdout


def test_the_page_is_what_the_registry_prints() -> None:
    page = ROOT / "docs" / "configuration.md"
    assert page.read_text(encoding="utf-8") == printed(), "it is stale: run bash ci/configuration-page.sh"


def test_both_languages_have_the_same_settings() -> None:
    python = {
        **{setting.key: (setting.form, setting.default or "", setting.former) for setting in registry.SETTINGS},
        **{family.pattern: (family.form, "", family.former) for family in registry.RESOURCES},
    }
    lines = [line.split("\t") for line in printed("--table").splitlines()]
    jvm = {key: (form, default, tuple(filter(None, former.split(",")))) for key, form, default, former in lines}
    assert python == jvm


def test_both_languages_accept_the_same_values() -> None:
    keys = [setting.key for setting in registry.SETTINGS]
    keys += [f"{family.prefix}disk" for family in registry.RESOURCES]
    questions = [(key, value) for key in keys for value in VALUES]
    answers = printed("--check", standard_input="".join(f"{key}={value}\n" for key, value in questions)).splitlines()
    assert len(answers) == len(questions)
    differing = [
        (key, value, answer)
        for (key, value), answer in zip(questions, answers, strict=True)
        if is_accepted(key, value) != (answer == "true")
    ]
    assert differing == []
    assert len(set(answers)) == 2


def is_accepted(key: str, value: str) -> bool:
    try:
        registry.check({key: value})
    except InvalidArgumentError:
        return False
    return True


def test_names_of_raydp_1_6_get_their_meaning_and_a_line(caplog: pytest.LogCaptureFixture) -> None:
    given = {
        "spark.ray.raydp_spark_executor.actor.resource.CPU": "0.5",
        "spark.raydp.executor.resource.disk": "2",
        "spark.ray.actor.resource.disk": "1",
        "spark.ray.placement_group": "0aff",
        "spark.ray.preferClassPath": "/b:/a",
        "raydp.executor.extraClassPath": "/a",
        "spark.preferClassPath": "/driver",
        "spark.driver.extraClassPath": "/own",
        "spark.ray.raydp_recoverable_fetch.task.resource.CPU": "1",
    }
    translated = _former_names.translate(given)
    assert {key: value for key, value in translated.items() if key not in given} == {
        "spark.raydp.executor.resource.CPU": "0.5",
        "spark.raydp.placementGroup.id": "0aff",
        "spark.raydp.executor.extraClassPath": "/a:/b",
    }
    assert translated["spark.raydp.executor.resource.disk"] == "2"
    assert translated["spark.driver.extraClassPath"] == "/own:/driver"
    assert _former_names.translate(translated) == translated
    with caplog.at_level(logging.WARNING):
        _former_names.note(given)
    assert "This setting is called spark.raydp.placementGroup.id now: spark.ray.placement_group" in caplog.messages
    assert len(caplog.messages) == 7
