"""What is left of an application that has ended says so: its DataFrames, columns, RDDs and sessions."""

from __future__ import annotations

import pytest

from support import programs

pytestmark = pytest.mark.cluster

SAID = "raydp.errors.SessionError: The Spark application that this belongs to has ended"
BY_RAYDP = ("from_spark", "ui_url")


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    """A session that ``with`` stops, one whose JVM is killed, and a plain one of PySpark after them."""
    return programs.run("first_hour/ended_applications")


def outcomes(part: str) -> dict[str, str]:
    lines = [line.partition(": ") for line in part.splitlines() if ": raydp.errors" in line or "Error: " in line]
    return {name: said for name, colon, said in lines if colon}


def check(part: str, how: str, outcome: programs.Outcome) -> None:
    said = outcomes(part)
    assert {"df.count", "df.schema", "column", "F.col", "spark.sql", "conf.get", "rdd.count", "catalog"} <= said.keys()
    for name, text in said.items():
        if name in BY_RAYDP:
            assert text.startswith("raydp.errors.SessionError: "), (name, outcome.everything)
        else:
            assert text.startswith(SAID) and text.endswith(how), (name, outcome.everything)


def test_with_stops_spark_also_if_its_body_fails(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    said = outcome.part("after with")
    assert "raised: integer division" in said and "running: None None" in said, outcome.everything
    assert "dataset: 10" in said, outcome.everything


def test_everything_of_a_stopped_application_says_that_it_was_stopped(outcome: programs.Outcome) -> None:
    check(
        outcome.part("after with").partition("dataset: ")[0].partition("running: ")[2],
        "The end: it was stopped",
        outcome,
    )


def test_an_action_that_a_stop_interrupts_says_so(outcome: programs.Outcome) -> None:
    said = outcome.part("after with")
    expected = "interrupted: raydp.errors.SessionError: The Spark application was stopped while this ran"
    assert expected in said, outcome.everything


def test_a_notebook_shows_it_once_for_a_frame(outcome: programs.Outcome) -> None:
    shown = outcome.part("after with").partition("dataset: ")[2]
    assert shown.count("\nSessionError: The Spark application that this belongs to has ended") == 1, outcome.everything
    assert "During handling" not in shown, outcome.everything


def test_everything_of_a_killed_application_names_the_exit_code(outcome: programs.Outcome) -> None:
    said = outcome.part("after a kill")
    assert "the JVM is gone" in said, outcome.everything  # and leaving `with` raised nothing
    check(said, "The end: the driver's JVM was killed or crashed, with exit code -9", outcome)
    assert "Exception while sending command" not in outcome.errors, outcome.everything


def test_plain_sessions_are_left_alone(outcome: programs.Outcome) -> None:
    said = outcome.part("a plain session")
    assert "plain: 3 None" in said, outcome.everything
    assert outcomes(said)["df.count"].startswith(SAID), outcome.everything
    assert "F.col: builtins.AssertionError" in said, outcome.everything
