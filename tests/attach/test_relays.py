"""``raydp.attach`` where an executor has no exchange agent: its data travels over TCP to another machine's.

Spark's authentication and encryption are on. Each case runs the same program.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from support import hosts, programs
from support.daemons import free_port
from support.skipping import skipped_for
from support.standalone import standalone_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = pytest.mark.cluster

_PROGRAM_SECONDS = 700.0  # on a busy machine
_SECURED = {
    "spark.authenticate": "true",
    "spark.authenticate.secret": "of-the-daemons-and-the-application",
    "spark.network.crypto.enabled": "true",
}
_NEAR = {"RAYDP_TEST_WORKER": "near"}
_FAR = {"RAYDP_TEST_WORKER": "far"}
_EXPECTED = {
    "both ways": [
        "to Ray: True",
        "made by: ['far', 'near']",
        "to Spark: True",
        "read by: ['far', 'near']",
        "by name: 1200",
        "nothing but nulls: 9",
        "large rows: 20000000 20000000",
        "the near executor became a relay: True",
        "listen where Spark does: True True",
        "on a port of the range: True 2",
        "refuse strangers: True",
    ],
    "a relay that is killed": ["to Ray: True", "to Spark: True"],
    "detached": ["the relay has ended: True"],
    "the end": ["left: 0"],
}


@pytest.fixture(scope="module")
def outcome_on_one_machine() -> programs.Outcome:
    return _run_on_one_machine(_SECURED)


def _run_on_one_machine(settings: Mapping[str, str]) -> programs.Outcome:
    """The far executor looks for its agent in a folder where there is none, as in a container. Nothing may be left."""
    mark = uuid.uuid4().hex
    places = [_NEAR, {**_FAR, "RAYDP_EXCHANGE_SOCKET": "/nonexistent/agent.sock"}]
    variables = {"RAYDP_TEST_MARK": mark, **_variables(settings)}
    with standalone_cluster(workers=2, cores=1, memory="600m", settings=settings, environments=places) as url:
        result = programs.run("attach/relays", url, env=variables, timeout=_PROGRAM_SECONDS)
        assert programs.await_none(mark) == []
    return result


def _variables(settings: Mapping[str, str]) -> dict[str, str]:
    return {
        "RAYDP_TEST_SETTINGS": ",".join(f"{key}={value}" for key, value in settings.items()),
        "RAYDP_TEST_PORT": str(free_port()),
    }


@pytest.fixture(scope="module")
def outcome_on_two_hosts() -> Iterator[programs.Outcome]:
    """The far executor is on a host without a Ray node. Hosts are network namespaces."""
    mark = uuid.uuid4().hex
    with hosts.network(2) as network:
        first = network[0]
        variables = {"RAYDP_TEST_MARK": mark, "SPARK_LOCAL_IP": first.address, "TMPDIR": None, "RAY_TMPDIR": None}
        with standalone_cluster(
            workers=2, cores=1, memory="600m", settings=_SECURED, environments=[_NEAR, _FAR], hosts=network
        ) as url:
            yield programs.run(
                "attach/relays",
                url,
                env={**variables, **_variables(_SECURED)},
                timeout=_PROGRAM_SECONDS,
                within=first.within,
            )
            assert programs.await_none(mark) == []


@pytest.mark.parametrize("part", _EXPECTED)
def test_an_executor_that_finds_no_agent(outcome_on_one_machine: programs.Outcome, part: str) -> None:
    assert outcome_on_one_machine.part(part).splitlines() == _EXPECTED[part], outcome_on_one_machine.everything


@pytest.mark.nightly
@skipped_for(hosts.reason_to_skip())
@pytest.mark.parametrize("part", _EXPECTED)
def test_an_executor_on_a_host_without_a_ray_node(outcome_on_two_hosts: programs.Outcome, part: str) -> None:
    assert outcome_on_two_hosts.part(part).splitlines() == _EXPECTED[part], outcome_on_two_hosts.everything


@pytest.mark.nightly
@skipped_for(hosts.reason_to_skip())
@pytest.mark.promised("attach", "ExchangeError")
def test_tcp_can_be_refused(outcome_on_two_hosts: programs.Outcome) -> None:
    (said,) = outcome_on_two_hosts.part("shared memory only").splitlines()
    assert said.startswith("ExchangeError: Spark has executors on machines where no Ray node runs"), said
    assert said.endswith("Machines, as Spark calls them: 10.77.0.2"), said
