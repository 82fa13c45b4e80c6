"""A program of lifecycle/test_dashboard.py."""

import json
import os
import sys

import ray

from support.scripting import say

context = ray.init(
    "local",
    num_cpus=4,
    object_store_memory=300 * 1024**2,
    include_dashboard=True,
    log_to_driver=False,
    logging_level="WARNING",
    _temp_dir=os.environ["TEST_FOLDER"],
    _system_config={"metrics_report_interval_ms": 1000},
)
(node,) = ray.nodes()
metrics = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
say(json.dumps([context.address_info["address"], f"http://{context.dashboard_url}", metrics]))
sys.stdin.read()
