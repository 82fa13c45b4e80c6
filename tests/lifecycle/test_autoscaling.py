"""A cluster that grows with a job, for executors that are pending, and shrinks after it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from support import programs

_NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc")


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")
@pytest.mark.timeout(600)
def test_a_cluster_grows_with_the_job_and_shrinks_after_it() -> None:
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # short: sockets' paths have a limit
    path = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        outcome = programs.run(
            """
            from support.growing_cluster import GrowingCluster
            size = {"CPU": 1, "object_store_memory": 200 * 1024**2}
            small = {"resources": {**size, "memory": 4 << 30}, "node_config": {}, "min_workers": 0, "max_workers": 2}
            cluster = GrowingCluster(dict(size), {"small": small}, autoscaler_v2=True, idle_timeout_minutes=0.1)
            cluster.start()
            ray.init("auto", log_to_driver=False)

            def nodes():
                return sum(node["Alive"] for node in ray.nodes())

            spark = raydp.init_spark("t", 1, 1, "500m", configs={
                "spark.dynamicAllocation.enabled": True,
                "spark.dynamicAllocation.minExecutors": 0,
                "spark.dynamicAllocation.maxExecutors": 3,
                "spark.dynamicAllocation.executorIdleTimeout": "3s"})
            thread, result = start_job(spark, 1)
            eventually("grown", lambda: nodes() == 3, state=ray.nodes)
            thread.join(240)
            say("result:", sorted(result))
            dataset = raydp.from_spark(spark.range(1000))
            say("converted:", dataset.count())
            del dataset
            eventually("shrunk", lambda: nodes() == 1, state=ray.nodes)
            say("after:", spark.range(10).count())
            raydp.stop_spark()
            ray.shutdown()
            """,
            env={"RAY_TMPDIR": folder, "PYTHONPATH": os.pathsep.join(path), "RAY_ADDRESS": None},
            within=_NAMESPACE,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert outcome.code == 0, outcome.everything
    found = [line for line in outcome.output.splitlines() if not line.startswith("20")]
    expected = ["grown", "result: [(0, 20), (1, 20), (2, 20)]", "converted: 1000", "shrunk", "after: 10"]
    assert [line for line in found if line in expected] == expected, outcome.everything
