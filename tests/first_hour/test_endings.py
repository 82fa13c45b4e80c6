"""A program may end without stopping Spark. It ends in order, and shows nothing about it."""

from __future__ import annotations

import re
import uuid

import pytest

from support import programs

pytestmark = pytest.mark.cluster

# What Ray's core writes before it reads its log level, and a port that another application has.
OF_OTHERS = re.compile(
    r"(\x1b\[33m\(raylet\)\x1b\[0m )?\[.+ I \d+ \d+\] gcs_client\.cc:\d+: .*|.*authentication_token_setup.*"
    r"|.* WARN Utils: Service 'SparkUI' could not bind on port \d+\. Attempting port \d+\."
)


def shown(errors: str) -> list[str]:
    return [line for line in errors.splitlines() if line and not OF_OTHERS.fullmatch(line)]


def test_ray_may_be_shut_down_in_the_last_line() -> None:
    mark = uuid.uuid4().hex
    outcome = programs.run("first_hour/ray_first", env={"RAYDP_TEST_MARK": mark})
    assert outcome.code == 0, outcome.everything
    lines = shown(outcome.errors)
    assert len(lines) == 1 and lines[0].startswith("raydp: "), outcome.everything
    assert programs.await_none(mark) == []
    rows, text, html, ended, *refused = outcome.output.splitlines()
    assert rows == "rows: 10"
    assert re.fullmatch(
        r"text: <SparkSession on Ray; application: raydp-\S+; executors: 1 of 1; each: 1 CPUs, 1\.0 GiB; Ray: \S+; "
        r"Spark UI: http://\S+ \(raydp\.ui_url\(\) has the link that opens it\)>",
        text,
    ), outcome.everything
    assert "<table>" in html and "1 of 1" in html and "token=" not in html, outcome.everything
    assert ended == (
        "text: <SparkSession on Ray; state: its application has ended; raydp.init_spark() starts another one>"
    )
    assert len(refused) == 4, outcome.everything
    for line in refused:
        assert line.startswith("refused: ") and "ray.shutdown() left the Ray cluster" in line, outcome.everything
