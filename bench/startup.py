"""How long until Spark has run its first job: plain `local[1]` against raydp on a Ray cluster that runs already.

Each start happens in a fresh process; the two kinds take turns. Counted is the time from the call that starts the
session to the first job's result; importing packages and `ray.init` are printed beside it.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import ray

from raydp._class_data import Role, find_archive
from raydp._java import find_java

KINDS = ("plain", "raydp")
STEPS = ("gateway", "context", "session", "first job")
PROGRAM = Path(__file__).with_name("session_start.py")
TIMEOUT_SECONDS = 240


def start_once(kind: str, address: str) -> dict[str, Any]:
    command = [sys.executable, str(PROGRAM), kind, "--address", address]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"A start failed. Its last output:\n{error.stderr[-4000:]}\n{' '.join(command)}") from error
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(rounds: int, warm_ups: int, address: str) -> dict[str, list[dict[str, Any]]]:
    starts: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for number in range(-warm_ups, rounds):
        for kind in KINDS if number % 2 else reversed(KINDS):
            result = start_once(kind, address)
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


def show(result: dict[str, Any], last: dict[str, Any]) -> None:
    print(f"\n{'seconds, medians':<24}" + "".join(f"{kind:>10}" for kind in KINDS))
    rows: list[tuple[str, list[float]]] = [
        (step, [result["kinds"][kind]["steps_median"][step] for kind in KINDS]) for step in STEPS
    ]
    for title, key in (
        ("total", "seconds_median"),
        ("  fastest", "seconds_min"),
        ("  slowest", "seconds_max"),
        ("beside it: imports", "import_median"),
        ("beside it: ray.init", "ray_init_median"),
        ("processor time, JVMs", "cpu_seconds_median"),
    ):
        rows.append((title, [result["kinds"][kind][key] for kind in KINDS]))
    for title, values in rows:
        print(f"{title:<24}" + "".join(f"{value:10.2f}" for value in values))
    print("\nraydp's last start, seconds since its beginning:")
    for seconds, text in last["milestones"]:
        print(f"{seconds:8.2f}  {text}")
    archives = "with" if find_archive(find_java(), Role.DRIVER) else "without"
    print(
        f"\nraydp / plain local[1], ratio of medians over {result['rounds']} rounds, {archives} class-data archives: "
        f"{result['ratio']:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="counted starts of each kind (default: 5)")
    parser.add_argument("--warm-ups", type=int, default=1, help="starts before them, not counted (default: 1)")
    parser.add_argument("--cpus", type=int, default=2, help="CPUs of the Ray cluster that is started (default: 2)")
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
    starts = measure(options.rounds, options.warm_ups, ray.get_runtime_context().gcs_address)
    ray.shutdown()
    result = summary(starts)
    show(result, starts["raydp"][-1])
    if options.json:
        options.json.write_text(json.dumps({**result, "starts": starts}, indent=2) + "\n")


if __name__ == "__main__":
    main()
