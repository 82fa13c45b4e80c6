"""What a user sees on the console: raydp's own lines, and warnings that mean something."""

from __future__ import annotations

import ast
import logging
import re

import pytest
import ray.data

from raydp._ray.internals import quieten_from_spark
from raydp.errors import RaydpError
from support import programs

RAYDP = re.compile(r"raydp: .+")

# What Ray says about itself. Nothing can turn off the last one: Ray's core writes it before it reads its log level.
RAY = re.compile(
    r"\d{4}-\d\d-\d\d [\d:,]+\t(INFO \S+\.py:\d+ -- .*|WARNING authentication_token_setup\.py:\d+ -- .*)"
    r"|(\x1b\[33m\(raylet\)\x1b\[0m )?\[.+ I \d+ \d+\] gcs_client\.cc:\d+: GcsClient has no Cluster ID set.*"
)

# Another application on this machine has the usual port.
PORT = re.compile(r"[\d/]+ [\d:]+ WARN Utils: Service 'SparkUI' could not bind on port \d+\. Attempting port \d+\.")

# Spark tells why a task failed, with Java's stack.
FAILED_TASK = re.compile(
    r"[\d/]+ [\d:]+ (WARN TaskSetManager: Lost task |ERROR TaskSetManager: Task 0 in stage ).*|\tat .+"
)


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    return programs.run("endtoend/first_program_of_the_readme")


def strange(lines: str, *expected: re.Pattern[str]) -> list[str]:
    """Return the lines that are none of the expected ones."""
    return [line for line in lines.splitlines() if line and not any(one.fullmatch(line) for one in expected)]


@pytest.mark.cluster
def test_a_program_that_works_shows_only_lines_that_mean_something(outcome: programs.Outcome) -> None:
    scores, *table, dataset = outcome.output.splitlines()
    assert ast.literal_eval(scores)["r2"] > 0.9, outcome.everything
    assert table[1].split("|")[1:-1] == ["hour", "         avg(fare)", "   avg(prediction)"], outcome.everything
    assert dataset.endswith(" ['hour', 'km', 'fare', 'prediction']"), outcome.everything
    works = outcome.errors.split("then a query that fails")[0]
    assert strange(works, RAYDP, RAY, PORT) == [], outcome.everything
    assert len([line for line in works.splitlines() if RAYDP.fullmatch(line)]) in (2, 3), works
    assert works.count("GcsClient has no Cluster ID set") <= 4, "two from the driver JVM, two from workers"


@pytest.mark.cluster
def test_a_program_that_fails_shows_its_error_and_nothing_strange(outcome: programs.Outcome) -> None:
    assert outcome.code == 1
    before, traceback = outcome.errors.split("then a query that fails")[1].split(
        "Traceback (most recent call last):", 1
    )
    assert strange(before, RAYDP, RAY, PORT, FAILED_TASK) == [], outcome.everything
    assert "SparkRuntimeException: [USER_RAISED_EXCEPTION] as asked" in traceback, outcome.everything


def test_ray_warns_of_a_deprecated_argument_only_if_it_is_given(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("ray.data.read_api")
    logger.addHandler(caplog.handler)
    try:
        quieten_from_spark()
        quieten_from_spark()
        for arguments, warnings in (({}, 0), ({"override_num_blocks": 2}, 0), ({"parallelism": 2}, 1)):
            caplog.clear()
            with pytest.raises((RaydpError, TypeError)):
                ray.data.from_spark(None, **arguments)  # after the warning, it finds no application
            assert len([one for one in caplog.records if "deprecated" in one.message]) == warnings, arguments
    finally:
        logger.removeHandler(caplog.handler)
