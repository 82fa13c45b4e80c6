"""The other machines of a cluster are looked at too: by the doctor, and before an application's first actor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from support.programs import run
from support.tool_path import path_without

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.cluster
@pytest.mark.slow
def test_a_machine_without_java_is_named(tmp_path: Path) -> None:
    outcome = run(
        """
        import subprocess
        from ray.cluster_utils import Cluster

        # An address of its own makes a node another machine; it is there for other work, having no CPU for executors.
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
        cluster.add_node(num_cpus=0, node_ip_address="127.0.0.2", env_vars={"PATH": os.environ["TEST_PATH"]})
        cluster.wait_for_nodes()
        ray.init(address=cluster.address, log_to_driver=False)
        spark = raydp.init_spark("nodes", 1, 1, "500m", configs={"spark.ui.enabled": "false"})
        say("rows:", spark.range(10).count())
        nodes = raydp._application.current_application().nodes
        eventually("reported", lambda: "127.0.0.2 Java" in nodes.report(), seconds=60, state=nodes.report)
        raydp.stop_spark()
        doctor = [sys.executable, "-m", "raydp", "doctor", "--ray-address", cluster.address]
        done = subprocess.run(doctor, stdout=subprocess.PIPE, text=True, timeout=200)
        print(done.stdout, "doctor:", done.returncode)
        ray.shutdown()
        cluster.shutdown()
        refused = subprocess.run(doctor, stdout=subprocess.PIPE, text=True, timeout=200)
        print(refused.stdout, "after it:", refused.returncode)
        """,
        env={"JAVA_HOME": None, "TEST_PATH": path_without(["java"], tmp_path / "bin") + os.pathsep},
    )
    assert outcome.code == 0, outcome.everything
    assert "rows: 10" in outcome.output
    warning = "No executor can start on a machine of the cluster: BROKEN   127.0.0.2 Java"
    assert warning in outcome.errors, outcome.everything
    assert "there is no java" in outcome.errors.lower()
    lines = outcome.output.splitlines()
    found = [line for line in lines if "127.0.0.2" in line]
    assert [line.split()[0] for line in found if "127.0.0.2 Java" in line] == ["BROKEN"], outcome.everything
    assert any(line.startswith("ok") and "127.0.0.2 class path" in line for line in found), outcome.everything
    assert any(line.endswith("doctor: 1") for line in lines), outcome.everything
    assert any(line.startswith("BROKEN") and "No Ray cluster answers" in line for line in lines), outcome.everything
    assert any(line.endswith("after it: 1") for line in lines), outcome.everything
