"""The time until Spark has run its first job: plain `local[1]` and raydp on a Ray cluster that is already running.

Each start is in a fresh process, and the two kinds alternate. The measured time goes from the call that starts the
session to the result of the first job. Imports and `ray.init` are printed separately. The program measures twice: as on
a machine that is new to raydp, and after `python -m raydp archive`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import ray

KINDS = ("plain", "raydp")
STEPS = ("gateway", "context", "session", "first job")
PROGRAM = Path(__file__).with_name("session_start.py")
TIMEOUT_SECONDS = 240


def run(cache: Path, *arguments: str) -> str:
    """Run a Python program that looks for archives in `cache`, and return its output."""
    command = [sys.executable, *arguments]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True, env=environment
        )
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"A start failed. Its last output:\n{error.stderr[-4000:]}\n{' '.join(command)}") from error
    return done.stdout


def start_once(kind: str, address: str, cache: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(run(cache, str(PROGRAM), kind, "--address", address).splitlines()[-1])
    return result


def measure(rounds: int, warm_ups: int, address: str, cache: Path) -> dict[str, list[dict[str, Any]]]:
    starts: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for number in range(-warm_ups, rounds):
        for kind in KINDS if number % 2 else reversed(KINDS):
            result = start_once(kind, address, cache)
            label = f"round {number + 1}" if number >= 0 else "warm-up"
            print(f"{label:<9} {kind:<6} {result['total']:6.2f} s", flush=True)
            if number >= 0:
                starts[kind].append(result)
    return starts


def summary(starts: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    kinds = {
        kind: {
            "seconds_median": median(start["total"] for start in results),
            "seconds_min": min(start["total"] for start in results),
            "seconds_max": max(start["total"] for start in results),
            "steps_median": {step: median(start["steps"][step] for start in results) for step in STEPS},
            "import_median": median(start["import"] for start in results),
            "ray_init_median": median(start["ray.init"] for start in results),
            "cpu_seconds_median": median(start["cpu_seconds"] for start in results),
        }
        for kind, results in starts.items()
    }
    ratio = kinds["raydp"]["seconds_median"] / kinds["plain"]["seconds_median"]
    return {"ratio": ratio, "rounds": len(starts["plain"]), "kinds": kinds}


def show(title: str, result: dict[str, Any], last: dict[str, Any]) -> None:
    print(f"\n{'seconds, medians':<24}" + "".join(f"{kind:>10}" for kind in KINDS))
    rows: list[tuple[str, list[float]]] = [
        (step, [result["kinds"][kind]["steps_median"][step] for kind in KINDS]) for step in STEPS
    ]
    for label, key in (
        ("total", "seconds_median"),
        ("  fastest", "seconds_min"),
        ("  slowest", "seconds_max"),
        ("not in it: imports", "import_median"),
        ("not in it: ray.init", "ray_init_median"),
        ("processor time, JVMs", "cpu_seconds_median"),
    ):
        rows.append((label, [result["kinds"][kind][key] for kind in KINDS]))
    for label, values in rows:
        print(f"{label:<24}" + "".join(f"{value:10.2f}" for value in values))
    print("\nLast start of raydp, in seconds since its beginning:")
    for seconds, text in last["milestones"]:
        print(f"{seconds:8.2f}  {text}")
    print(
        f"\nraydp / plain local[1], {title}, ratio of medians over {result['rounds']} rounds: {result['ratio']:.2f}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measured starts of each kind (default: 5)")
    parser.add_argument("--warm-ups", type=int, default=1, help="starts before them, which do not count (default: 1)")
    parser.add_argument("--cpus", type=int, default=2, help="CPUs of the local Ray cluster (default: 2)")
    parser.add_argument("--without-archives", action="store_true", help="skip the second measurement, with archives")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    options = parser.parse_args()
    ray.init(
        "local",
        num_cpus=options.cpus,
        object_store_memory=200 * 1024**2,
        include_dashboard=False,
        logging_level=logging.WARNING,
        log_to_driver=False,
    )
    address = ray.get_runtime_context().gcs_address
    results: dict[str, dict[str, Any]] = {}

    def measured(name: str, title: str, cache: Path) -> None:
        starts = measure(options.rounds, options.warm_ups, address, cache)
        results[name] = {**summary(starts), "starts": starts}
        show(title, results[name], starts["raydp"][-1])

    with tempfile.TemporaryDirectory() as folder:
        measured("first", "without archives", Path(folder))
        if not options.without_archives:
            begun = time.monotonic()
            run(Path(folder), "-m", "raydp", "archive")
            print(f"built the archives in {time.monotonic() - begun:.0f} s")
            measured("later", "with archives", Path(folder))
    ray.shutdown()
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
