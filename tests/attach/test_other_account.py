"""``raydp.attach`` where Spark's executors run under another Unix account than Ray: they share no memory with it."""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile

import pytest

from raydp._machine.installation import spark_home
from support import programs
from support.jdk import java_home
from support.skipping import skipped_for
from support.standalone import standalone_cluster

_USER = pwd.getpwnam("nobody").pw_uid  # Hadoop's classes want an account with a name


def reason_to_skip() -> str | None:
    """Tell why no executor can run as another user here; ``None`` where it can."""
    if os.getuid() != 0:
        return "only root can start processes of another user"
    for needed in (spark_home() / "bin" / "spark-class", java_home() / "bin" / "java"):
        looked = subprocess.run(["test", "-x", str(needed)], user=_USER, group=_USER, extra_groups=[], check=False)
        if looked.returncode:
            return f"another user cannot run {needed}"
    return None


pytestmark = [pytest.mark.cluster, skipped_for(reason_to_skip())]


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    places = [{"JAVA_HOME": str(java_home())}]  # the tests' own java may be in a folder of this user
    with (
        standalone_cluster(workers=1, cores=1, memory="600m", environments=places, worker_user=_USER) as url,
        # The executor's user cannot enter it. Short: the paths of sockets have a limit.
        tempfile.TemporaryDirectory(prefix="o-", dir="/tmp") as folder,
    ):
        return programs.run("attach/other_account", url, env={"TMPDIR": folder}, timeout=400)


def test_its_data_travels_over_tcp(outcome: programs.Outcome) -> None:
    assert outcome.part("both ways").splitlines() == [
        f"user of the executor: {_USER}",
        "to Ray: True",
        "to Spark: 79800 400",
        "by name: 400",
    ], outcome.everything


@pytest.mark.promised("from_spark", "ExchangeError")
def test_shared_memory_is_refused_at_once(outcome: programs.Outcome) -> None:
    to_ray, to_spark = outcome.part("shared memory only").splitlines()
    for said in (to_ray, to_spark):
        assert said.startswith("ExchangeError: "), outcome.everything
        assert "This executor runs as another user than Ray, so they share no memory. Run both as one user" in said
        assert f"Host: 127.0.0.1, Ray's user: {os.getuid()}, its user: {_USER}" in said
