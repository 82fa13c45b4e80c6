"""What Ray shows of an application, and applications as jobs of Ray: all on one cluster with the dashboard."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import datasets, programs

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

_SUBMIT = [sys.executable, "-c", "import sys; from raydp._submission import main; sys.exit(main())"]


@dataclass(frozen=True)
class Dashboard:
    """A cluster, and the environment of programs that use it."""

    url: str
    env: dict[str, str | None]


@pytest.fixture(scope="module")
def dashboard() -> Iterator[Dashboard]:
    """A Ray cluster with its dashboard, in a process of its own, which programs join by its address."""
    packages = os.environ.get("RAYDP_TEST_DASHBOARD", "")
    if not Path(packages).is_absolute():
        pytest.skip(
            "Ray's dashboard needs packages that are not in .venv: run bash ci/test-python.sh, or put those of "
            "ci/dashboard.lock into a folder and name it in RAYDP_TEST_DASHBOARD"
        )
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), packages]))
    with tempfile.TemporaryDirectory(prefix="raydp-") as folder:
        yield from _cluster(Path(folder), path)


def _cluster(folder: Path, path: str) -> Iterator[Dashboard]:
    process = programs.start(
        """
        import json
        context = ray.init("local", num_cpus=4, object_store_memory=300 * 1024**2, include_dashboard=True,
                           log_to_driver=False, logging_level="WARNING", _temp_dir=os.environ["TEST_FOLDER"],
                           _system_config={"metrics_report_interval_ms": 1000})
        (node,) = ray.nodes()
        metrics = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
        say(json.dumps([context.address_info["address"], f"http://{context.dashboard_url}", metrics]))
        sys.stdin.read()
        """,
        stdin=subprocess.PIPE,
        env={"PYTHONPATH": path, "TEST_FOLDER": str(folder)},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        pytest.fail(process.communicate(timeout=60)[1])
    address, url, metrics = json.loads(line)
    # Jobs find their cluster by what `ray start` writes, and not another one that runs on this machine.
    (folder / "ray_current_cluster").write_text(address)
    # As Ray wants it from who joins by address.
    env = {"PYTHONPATH": path, "RAY_ADDRESS": address, "RAY_AUTH_MODE": "token", "TEST_METRICS": metrics}
    yield Dashboard(url, env)
    process.communicate(timeout=60)


def test_metrics_and_actors(dashboard: Dashboard) -> None:
    outcome = programs.run(
        """
        import re, urllib.request
        from ray.util.state import list_actors
        from raydp._application import current_application
        ray.init(logging_level="WARNING", log_to_driver=False)

        # All series of an application: {(name, executor): value}.
        def series(application):
            text = urllib.request.urlopen(os.environ["TEST_METRICS"], timeout=30).read().decode()
            found = {}
            for name, tags, value in re.findall(r"^ray_spark_(\\w+){(.*)} (\\S+)$", text, re.MULTILINE):
                tags = dict(re.findall(r'(\\w+)="([^"]*)"', tags))
                if tags["application"] == application:
                    found[name, tags["executor"]] = float(value)
            return found

        def start(name, **configs):
            configs = {"spark.metrics.conf.*.sink.ray.period": "1", **configs}
            spark = raydp.init_spark(name, 2, 1, "600m", configs=configs)
            registered = lambda: len(current_application().status().registered)
            eventually("both registered", lambda: registered() == 2)
            assert spark.sparkContext.parallelize(range(16), 8).map(lambda x: 2 * x).sum() == 240
            return spark

        def is_told(application):
            found = series(application)
            return (sum(found.get(("executor_succeeded_tasks", str(i)), 0) for i in (1, 2)) == 8
                    and found.get(("raydp_executors_registered", "driver")) == 2)

        spark = start("first")
        first = spark.sparkContext.applicationId
        eventually("metrics are told", lambda: is_told(first), state=lambda: series(first))
        found = series(first)
        assert {executor for _, executor in found} == {"driver", "1", "2"}
        counts = {name: found["raydp_executors_" + name, "driver"] for name in ("desired", "pending", "leaving")}
        assert counts == {"desired": 2, "pending": 0, "leaving": 0}, counts
        assert found["dag_scheduler_job_all_jobs", "driver"] == 1, found
        assert found["jvmcpu_jvm_cpu_time", "1"] > 0
        assert all(re.fullmatch(r"[a-z0-9_]+", name) and "raydp_2" not in name for name, _ in found)

        assert raydp.from_spark(spark.range(10)).count() == 10
        seen = {actor.name: actor.class_name for actor in list_actors(filters=[("state", "=", "ALIVE")])}
        agent = f"{first}-exchange-{ray.get_runtime_context().get_node_id()[:16]}-0"
        assert {name: what for name, what in seen.items() if name.startswith(first)} == {
            f"{first}-master": "io.raydp.lifecycle.AppMaster",
            f"{first}-executor-1": "io.raydp.lifecycle.ExecutorActor",
            f"{first}-executor-2": "io.raydp.lifecycle.ExecutorActor",
            agent: "ExchangeAgent",
        }, seen
        raydp.stop_spark()
        assert not [a.name for a in list_actors(filters=[("state", "=", "ALIVE")]) if a.name.startswith(first)]

        # Those of the first go while the second, which keeps its own to itself, runs.
        spark = start("second", **{"spark.raydp.metrics": "false"})
        second = spark.sparkContext.applicationId
        eventually("metrics are gone", lambda: not series(first), state=lambda: series(first))
        assert not series(second)
        raydp.stop_spark()
        say("done")
        """,
        env=dashboard.env,
    )
    assert outcome.code == 0, outcome.everything
    assert outcome.output.splitlines()[-1] == "done", outcome.everything
    assert "Traceback" not in outcome.errors and "etric" not in outcome.errors, outcome.everything


@pytest.mark.parametrize("command", [[sys.executable], _SUBMIT], ids=["python", "raydp-submit"])
def test_an_application_as_a_job_of_ray(dashboard: Dashboard, tmp_path: Path, command: list[str]) -> None:
    program = tmp_path / "app.py"
    program.write_text(
        textwrap.dedent(
            """
            import sys
            import ray, raydp

            if __name__ == "__main__":
                spark = raydp.init_spark("a job", 1, 1, "600m")
                ds = raydp.from_spark(spark.range(1000)).map_batches(lambda batch: {"twice": 2 * batch["id"]})
                print("sum:", raydp.to_spark(ds).selectExpr("sum(twice)").first()[0], *sys.argv[1:], flush=True)
            """
        )
    )
    mark = uuid.uuid4().hex
    env = {**dashboard.env, "RAY_ADDRESS": None}
    job = [sys.executable, "-m", "ray.scripts.scripts", "job", "submit", "--address", dashboard.url]
    job += ["--runtime-env-json", json.dumps({"env_vars": {"RAYDP_TEST_MARK": mark}}), "--"]
    done = subprocess.run(
        [*job, *command, str(program), "argument"],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        stdin=subprocess.DEVNULL,
        env=programs.environment(env),
    )
    outcome = programs.Outcome(done.returncode, done.stdout, done.stderr)
    assert outcome.code == 0, outcome.everything
    assert "sum: 999000 argument" in outcome.output.splitlines(), outcome.everything
    assert "succeeded" in outcome.output, outcome.everything
    assert datasets.eventually(lambda: not _left(mark), within=60), _left(mark)


def _left(mark: str) -> list[str]:
    """The command lines of a job's processes but idle ones of Ray and the actors that Ray Data keeps."""
    lines = [programs.describe(process) for process in programs.marked_processes(mark)]
    return [line for line in lines if not re.search(r" ray::(IDLE|_\w+Actor)", line)]
