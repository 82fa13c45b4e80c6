"""An application that works for a long time holds no more at the end than when it had warmed up."""

from __future__ import annotations

import json
import statistics
import uuid
from typing import Any

import pytest

from support import programs

pytestmark = [pytest.mark.cluster, pytest.mark.nightly, pytest.mark.timeout(0)]

_LEAST_LOOKS = 8
_SECONDS_AROUND = 300

# By how much the median of the last quarter may be above that of the second one, for each process. A test on two cores
# makes 300 conversions between them, so what each of these would keep is far below what it handles.
_SLACK = {
    "private": 12 * 1024,  # KiB. What malloc and the JVM's compilers still take differs by 5 MiB from run to run.
    "heap": 5 * 1024,  # KiB of live objects
    "descriptors": 5,
    "threads": 5,
    "mappings": 100,  # the JVM takes memory for classes and code in small pieces
    "segments": 2,  # an executor may have a connection more
}
# What Ray keeps in the driver for good, in KiB: 25 for each of the executions of Ray Data in a cycle, and what a fit of
# Ray Train leaves. It makes actor classes each time.
_OF_RAY_PER_CYCLE = 600


def test_nothing_grows_in_any_process(request: pytest.FixtureRequest) -> None:
    minutes = request.config.getoption("--soak-minutes")
    mark = uuid.uuid4().hex
    outcome = programs.run(
        "faults/soak", str(minutes), env={"RAYDP_TEST_MARK": mark}, timeout=60 * minutes + _SECONDS_AROUND
    )
    assert outcome.code == 0, outcome.everything[-20_000:]
    looks = [json.loads(line.split(" ", 1)[1]) for line in outcome.output.splitlines() if line.startswith("look:")]
    assert len(looks) >= _LEAST_LOOKS, f"the run is too short to tell: {outcome.output}"
    quarter = len(looks) // 4
    warm, last = looks[quarter : 2 * quarter], looks[-quarter:]
    grown = {
        f"{process}, {what}": (before, after)
        for process, now in looks[-1]["processes"].items()
        for what in now
        for before, after in [(_median(warm, process, what), _median(last, process, what))]
        if after - before > _SLACK[what] + (_of_ray(len(looks)) if (process, what) == ("driver", "private") else 0)
    }
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\nwarm: {json.dumps(looks[quarter])}\nlast: {json.dumps(looks[-1])}")
    assert grown == {}, f"{grown}\n{outcome.output}"
    assert [look["processes"].keys() for look in looks] == [looks[0]["processes"].keys()] * len(looks)
    held = {what: statistics.median(look["held"][what] for look in last) for what in looks[-1]["held"]}
    assert held == dict.fromkeys(held, 0), outcome.output
    assert programs.await_none(mark) == []


def _median(looks: list[dict[str, Any]], process: str, what: str) -> float:
    return statistics.median(look["processes"][process][what] for look in looks)


def _of_ray(cycles: int) -> float:
    """What Ray may keep between the middles of the second and the last quarter."""
    return _OF_RAY_PER_CYCLE * cycles / 2
