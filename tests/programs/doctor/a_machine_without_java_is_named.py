"""A program of doctor/test_nodes.py."""

import os
import subprocess
import sys

import ray
from ray.cluster_utils import Cluster

import raydp
from support.scripting import eventually, say

# A node with its own address counts as another machine. It has no CPUs for executors.
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
cluster.add_node(num_cpus=0, node_ip_address="127.0.0.2", env_vars={"PATH": os.environ["TEST_PATH"]})
cluster.wait_for_nodes()
ray.init(address=cluster.address, log_to_driver=False)
spark = raydp.init_spark("nodes", 1, 1, "500m", configs={"spark.ui.enabled": "false"})
say("rows:", spark.range(10).count())
nodes = raydp._application.current_application().nodes
eventually("reported", lambda: "127.0.0.2 Java" in nodes.report(), state=nodes.report)
raydp.stop_spark()
doctor = [sys.executable, "-m", "raydp", "doctor", "--ray-address", cluster.address]
done = subprocess.run(doctor, stdout=subprocess.PIPE, text=True, timeout=200)
print(done.stdout, "doctor:", done.returncode)
ray.shutdown()
cluster.shutdown()
refused = subprocess.run(doctor, stdout=subprocess.PIPE, text=True, timeout=200)
print(refused.stdout, "after it:", refused.returncode)
