"""One pipeline in each way of putting Spark and Ray together: time, memory, bytes through disk, lines of glue, kills.

Spark (or Ray Data) prepares trips, XGBoost learns the fare in one worker, and Spark (or Ray Data) evaluates the
predictions per zone. Each measurement is a fresh process, and the ways alternate. README.md in this folder explains how
to interpret the results.
"""

from __future__ import annotations

import argparse
import ast
import json
import signal
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from math import isclose, isfinite, nan
from pathlib import Path
from statistics import median

from trips import write_input
from watched_program import PeakMemory, WatchedProgram

WAYS = {
    "files": "two clusters, Parquet files between them",
    "inside_spark": "training inside Spark (SparkXGBRegressor)",
    "ray_on_spark": "Ray on Spark, raydp.attach",
    "standalone": "a Spark standalone cluster on Ray",
    "native": "raydp.init_spark",
    "ray_data": "Ray Data alone",
}
ONE_WAY = Path(__file__).with_name("one_way.py")
SAME_QUALITY = 0.05
NOTHING_KILLED = "no executor ran at that moment"


@dataclass
class Measured:
    """What the processes of one way took.

    Attributes:
        cold: Seconds from the start of the process to the end of its first pass.
        warm: Seconds of a later pass in the same process.
        peak_bytes: Peak of the private memory of all its processes, without the object store.
        disk_bytes: Bytes of the files that one pass handed over.
        rows: Number of predictions that were evaluated.
        mse: The mean squared error of the predictions, averaged over zones.
        killed: Seconds of passes in which an executor was killed, or the error that ended the program.
    """

    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    peak_bytes: list[int] = field(default_factory=list)
    disk_bytes: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    mse: list[float] = field(default_factory=list)
    killed: list[float | str] = field(default_factory=list)


def measure(way: str, data: Path, trees: int, found: Measured) -> None:
    """Run a way undisturbed: one cold pass and one warm one."""
    with WatchedProgram(ONE_WAY, way, "--data", data, "--trees", trees, "--passes", 2) as program:
        memory = PeakMemory(program)
        results = [message for message in program.messages() if "seconds" in message]
        error = program.error()
        found.peak_bytes.append(memory.stop())
    if error is not None:
        raise SystemExit(f"The way {way} failed:\n{error}")
    cold, warm = results
    found.cold.append(cold["seconds"])
    found.warm.append(warm["seconds"])
    found.disk_bytes.append(warm["handed_over_bytes"])
    found.rows += [cold["rows"], warm["rows"]]
    found.mse += [cold["mse"], warm["mse"]]


def measure_kill(way: str, data: Path, trees: int, found: Measured) -> None:
    """Kill what computes a third of the way into the second pass."""
    killed: list[bool] = []
    with WatchedProgram(ONE_WAY, way, "--data", data, "--trees", trees, "--passes", 2) as program:
        results = []
        timer = threading.Timer(median(found.warm) / 3, lambda: killed.append(program.kill_executor()))
        for message in program.messages():
            if message.get("pass") == 1:
                timer.start()
            if "seconds" in message:
                results.append(message)
        timer.cancel()
        if timer.ident is not None:
            timer.join()
        error = program.error()
    if error is None and killed == [True]:
        found.killed.append(results[-1]["seconds"])
        found.rows.append(results[-1]["rows"])
        found.mse.append(results[-1]["mse"])
    else:
        found.killed.append(error or NOTHING_KILLED)


def glue_lines(way: str) -> int:
    """Return how many lines of a way's module are statements, without imports, docstrings and the functions' frames."""
    tree = ast.parse((Path(__file__).parent / "ways" / f"{way}.py").read_text())
    lines: set[int] = set()
    for node in _statements(tree):
        lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def _statements(block: ast.Module | ast.FunctionDef) -> list[ast.stmt]:
    found = []
    for node in block.body:
        if isinstance(node, ast.FunctionDef):
            found += _statements(node)
        elif not (
            isinstance(node, (ast.Import, ast.ImportFrom))
            or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
            or (isinstance(node, ast.Expr) and isinstance(node.value, (ast.Constant, ast.Yield)))
        ):
            found.append(node)
    return found


def different_results(results: dict[str, Measured]) -> list[str]:
    """Return a line for each way whose predictions are not those of the others: other rows, or another quality."""
    rows = {number for found in results.values() for number in found.rows}
    middle = median([value for found in results.values() for value in found.mse if isfinite(value)] or [nan])
    lines = []
    for way, found in results.items():
        if len(rows) > 1:
            lines.append(f"{way} evaluated {' or '.join(map(str, sorted(set(found.rows))))} rows")
        different = [value for value in found.mse if not isclose(value, middle, rel_tol=SAME_QUALITY)]
        if different:
            lines.append(f"{way} has an error of {different[0]:.4f}; the median is {middle:.4f}")
    return lines


def describe_kill(found: Measured) -> str:
    if not found.killed:
        return "not tried"
    errors = [one for one in found.killed if isinstance(one, str)]
    if errors:
        reason = errors[0].splitlines()[-1][:160]
        return f"{len(errors)} of {len(found.killed)} failed: {reason}"
    return f"{median(float(one) for one in found.killed) - median(found.warm):+.1f} s"


def show(results: dict[str, Measured]) -> None:
    print(f"\n{'way':14}{'cold s':>8}{'warm s':>8}{'peak MB':>9}{'disk MB':>9}{'glue':>6}{'mse':>8}  killed executor")
    for way, found in results.items():
        print(
            f"{way:14}{median(found.cold):8.1f}{median(found.warm):8.1f}{median(found.peak_bytes) / 1e6:9.0f}"
            f"{median(found.disk_bytes) / 1e6:9.1f}{glue_lines(way):6}{median(found.mse):8.3f}  {describe_kill(found)}"
        )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help=", ".join(WAYS), metavar="WAY")
    parser.add_argument("--rows", type=int, default=1_000_000, help="number of trips (default: 1,000,000)")
    parser.add_argument("--trees", type=int, default=50, help="number of trees (default: 50)")
    parser.add_argument("--rounds", type=int, default=3, help="undisturbed runs of each way (default: 3)")
    parser.add_argument("--kills", type=int, default=1, help="runs of each way with a killed executor (default: 1)")
    parser.add_argument("--smoke", action="store_true", help="few trips and trees, one round: only whether it works")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    options = parser.parse_args()
    if options.smoke:
        options.rows, options.trees, options.rounds = 20_000, 5, 1
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def main() -> None:
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with everything that was started
    results = {way: Measured() for way in options.ways}
    with tempfile.TemporaryDirectory(prefix="rb-") as folder:
        data = Path(folder)
        write_input(data, options.rows)
        for number in range(options.rounds + options.kills):
            for way, found in results.items():
                (measure if number < options.rounds else measure_kill)(way, data, options.trees, found)
                print(f"round {number + 1}: {way} {found}", file=sys.stderr, flush=True)
                if options.json:  # each time, because a whole run takes long
                    rows = [{"way": way, "glue_lines": glue_lines(way), **vars(one)} for way, one in results.items()]
                    options.json.write_text(json.dumps(rows, indent=2) + "\n")
    show(results)
    different = different_results(results)
    if different:
        raise SystemExit("The ways do not compute the same: " + "; ".join(different))


if __name__ == "__main__":
    main()
