"""What a failed query says can be read as long as its exception lives, also after its JVM has ended."""

from __future__ import annotations

import pytest

from support import programs

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    """A program whose queries fail, and that ends with an error that it does not catch."""
    return programs.run("errors/queries_that_fail")


def test_errors_say_the_same_when_their_jvm_was_killed_and_spark_stopped(outcome: programs.Outcome) -> None:
    said = outcome.part("session runs")
    for begin, contents in (
        ("ArithmeticException [DIVIDE_BY_ZERO]", ["stack: True"]),
        ("DIVIDE_BY_ZERO 22012 {'config':", ["SELECT 1 / 0"]),
        ("AnalysisException [TABLE_OR_VIEW_NOT_FOUND]", []),
        ("PythonException ", ["Python: True"]),
        ("Py4JJavaError An error occurred while calling", ["stack: True"]),
    ):
        found = [line for line in said.splitlines() if line.startswith(begin)]
        assert found and all(content in found[0] for content in contents), (begin, outcome.everything)
    assert outcome.part("JVM was killed") == said, outcome.everything
    assert outcome.part("session was stopped") == said, outcome.everything


def test_an_error_that_arrives_while_another_thread_stops_spark_says_so(outcome: programs.Outcome) -> None:
    said = outcome.part("an error arrives while Spark stops")
    assert said.startswith("The Spark application was stopped while this ran: "), outcome.everything


def test_a_program_that_stops_spark_in_the_end_shows_why_it_failed(outcome: programs.Outcome) -> None:
    assert outcome.code == 1
    shown = outcome.errors[outcome.errors.rindex("Traceback") :]
    assert "ArithmeticException: [DIVIDE_BY_ZERO]" in shown, outcome.everything
    assert "\tat org.apache.spark" in shown, outcome.everything
    assert "exception str() failed" not in outcome.errors
