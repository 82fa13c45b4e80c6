"""Runs the pipeline of integration.py in one way: several passes in one process, each reported as a line of JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import time
from pathlib import Path
from statistics import mean

import psutil
from pyspark.sql import SparkSession
from ways.job import Job

STORE_BYTES = 512 * 1024**2
NODE_BYTES = 1024**3  # what setup_ray_cluster gives to processes of each node


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="for files that this run writes")
    parser.add_argument("--trees", type=int, required=True)
    parser.add_argument("--passes", type=int, required=True)
    options = parser.parse_args()

    way = importlib.import_module(f"ways.{options.way}")  # first: a way can set variables that Ray reads as it loads
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    ray_options = {
        "object_store_memory": STORE_BYTES,
        "include_dashboard": False,
        "log_to_driver": False,
        "logging_level": logging.WARNING,
    }
    ray_on_spark_options = {
        "memory_worker_node": NODE_BYTES,
        "memory_head_node": NODE_BYTES,
        "object_store_memory_worker_node": STORE_BYTES,
        "object_store_memory_head_node": STORE_BYTES,
        "head_node_options": {"include_dashboard": False},
        "ray_temp_root_dir": str(options.folder),
    }
    job = Job(options.data, options.folder / "storage", options.trees, ray_options, ray_on_spark_options)
    began = psutil.Process().create_time()  # the first pass pays for imports and for the start of clusters
    with way.opened(job) as run:
        session = SparkSession.getActiveSession()
        report({"application": session and session.sparkContext.applicationId})
        for number in range(options.passes):
            hand_over = options.folder / f"hand-over-{number}"
            hand_over.mkdir()
            report({"pass": number})
            zones = run(hand_over)
            ended = time.time()
            files = [path for path in hand_over.rglob("*") if path.is_file()]
            report(
                {
                    "seconds": ended - began,
                    "rows": sum(zone.rows for zone in zones.values()),
                    "mse": mean(zone.mse for zone in zones.values()),
                    "handed_over_bytes": sum(path.stat().st_size for path in files),
                }
            )
            began = time.time()


def report(message: dict[str, object]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
