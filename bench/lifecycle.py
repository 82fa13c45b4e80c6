"""What executors cost the AppMaster and the driver, and what a stopped session leaves over.

Prints two tables. The first comes from a simulation in this machine's JVM: calls to Ray are faked, and everything else
is real. It needs Gradle and a checkout. The second starts and stops a session repeatedly on one Ray cluster.
"""

from __future__ import annotations

import argparse
import csv
import gc
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import ray

import raydp

CHECKOUT = Path(__file__).resolve().parents[1]
TIMEOUT_SECONDS = 600
MEBIBYTE = 1 << 20


def simulated(counts: list[int]) -> list[dict[str, float]]:
    """Run the simulation for each number of executors and return its measurements."""
    gradle = shutil.which("gradle")
    if gradle is None:
        raise SystemExit("The simulation needs Gradle, which is not on the PATH (Debian: apt-get install gradle)")
    command = [gradle, "--quiet", "lifecycleBench", f"-Ppython={sys.executable}", f"-PexecutorCounts={_joined(counts)}"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    if done.returncode != 0:
        raise SystemExit(f"The simulation failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    lines = done.stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("executors,"))
    rows = csv.DictReader(lines[start : start + 1 + len(counts)])
    return [{name: float(value) for name, value in row.items()} for row in rows]


def restarts(times: int) -> list[dict[str, Any]]:
    """Start, use and stop a session repeatedly, and return what exists after each stop."""
    ray.init("local", num_cpus=2, object_store_memory=200 * MEBIBYTE, include_dashboard=False, log_to_driver=False)
    try:
        return [{"restart": number, **_restarted()} for number in range(1, times + 1)]
    finally:
        ray.shutdown()


def _restarted() -> dict[str, Any]:
    started = time.monotonic()
    configs = {
        "spark.ui.enabled": "false",
        "spark.raydp.archiveClasses": "false",
        "spark.raydp.banner": "false",
        "spark.log.level": "ERROR",
    }
    spark = raydp.init_spark("restarts", 1, 1, "500m", configs=configs)
    rows = raydp.to_spark(raydp.from_spark(spark.range(100_000))).count()
    if rows != 100_000:
        raise SystemExit(f"The conversions lost rows: {rows} of 100000 are left")
    raydp.stop_spark()
    seconds = time.monotonic() - started
    gc.collect()
    own = psutil.Process()
    # Ray starts and ends idle workers by itself, so only processes that a session can leave over count.
    left = [p for p in own.children(recursive=True) if _words(p)[:1] == ["java"] or "raydp" in " ".join(_words(p))]
    servers = [p for p in own.children() if Path((_words(p) or [""])[0]).name in {"raylet", "gcs_server"}]
    return {
        "seconds": round(seconds, 1),
        "processes": len(left),
        "descriptors": own.num_fds(),
        "threads": own.num_threads(),
        "driver_mib": own.memory_info().rss // MEBIBYTE,
        "ray_descriptors": sum(p.num_fds() for p in servers),
        "ray_mib": sum(p.memory_info().rss for p in servers) // MEBIBYTE,
    }


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _joined(counts: list[int]) -> str:
    return ",".join(map(str, counts))


def _print_table(rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    cells = [names, *[[f"{row[name]:g}" for name in names] for row in rows]]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--executors", type=int, nargs="*", default=[200, 500, 1000, 2000])
    parser.add_argument("--restarts", type=int, default=10)
    options = parser.parse_args()
    if options.executors:
        print("Simulated executors: all start at once, then half of them end at once")
        _print_table(simulated(options.executors))
    if options.restarts:
        print("\nConsecutive sessions: what exists after each stop")
        _print_table(restarts(options.restarts))


if __name__ == "__main__":
    main()
