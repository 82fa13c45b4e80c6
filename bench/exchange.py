"""How fast data moves from Spark to Ray and back, compared with a floor and with other ways, in one run.

The floor of `from_spark` is Spark's own noop sink, for the same DataFrame on the same executor. The floor of `to_spark`
is the same aggregate over Spark's own cache. With `--deployment`, deployments are compared with the native one instead.
README.md in this folder explains how to interpret the results.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import implementations
import ray
from cases import CASES, Case
from deployed import DEPLOYMENTS, MEBIBYTE, native, start_ray
from deployments import Deployments, show_ratios_to_native
from measuring import Implementation, Subject, interleave, rows_of, title_of
from peer import Peer

import raydp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyspark.sql import SparkSession

DIRECTIONS = ["from_spark", "to_spark"]


def measure(spark: SparkSession, case: Case, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measure one case in both directions and yield the rows of the result."""
    rows = options.rows or case.rows
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="raydp-bench-")))
        peer = stack.enter_context(Peer(options.peer_python, case, rows, folder)) if options.peer_python else None
        frame = case.frame(spark, rows, folder)
        if case.is_cached:
            frame = frame.cache()
            frame.count()
        dataset = raydp.from_spark(frame)
        if dataset.count() != rows:
            raise AssertionError(f"from_spark lost or added rows in {case.name}: {dataset.count()}, not {rows}")
        size = dataset.size_bytes()
        if "from_spark" in options.directions:
            del dataset  # the store must hold only one copy during the measurement
            ways = implementations.from_spark(frame, size, folder)
            if peer:
                ways.append(Implementation("raydp_1_6", peer.from_spark, implementations.SLOW_ROUNDS))
            yield from _interleaved(Subject(case.name, "from_spark", None, rows, size), ways, options)
            dataset = raydp.from_spark(frame)
        if "to_spark" in options.directions:
            frame = frame.cache()
            frame.count()
            for aggregate, terms in case.aggregates().items():
                ways = implementations.to_spark(spark, dataset, frame, terms, folder)
                if peer:
                    run = peer.to_spark(aggregate)
                    ways.append(Implementation("raydp_1_6", run, implementations.SLOW_ROUNDS))
                needed = implementations.column_bytes(dataset, list(terms))
                yield from _interleaved(Subject(case.name, "to_spark", aggregate, rows, needed), ways, options)
        frame.unpersist(blocking=True)


def _interleaved(subject: Subject, ways: list[Implementation], options: argparse.Namespace) -> list[dict[str, Any]]:
    chosen = [way for way in ways if options.impls is None or way.name in {"floor", *options.impls}]
    rows = rows_of(subject, interleave(chosen, rounds=options.rounds, warm_ups=options.warm_ups))
    show(rows)
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    first = rows[0]
    print(f"\n{title_of(first)}")
    print(f"  {'':<10}{'median s':>10}{'min':>8}{'max':>8}{'/ floor':>9}{'GB/s':>7}{'extra MiB':>11}{'segments':>10}")
    for row in rows:
        print(
            f"  {row['impl']:<10}{row['seconds_median']:10.3f}{row['seconds_min']:8.3f}{row['seconds_max']:8.3f}"
            f"{row['ratio_to_floor']:9.2f}{row['bytes'] / row['seconds_median'] / 1e9:7.2f}"
            f"{row['peak_extra_bytes'] / MEBIBYTE:11.0f}{row['peak_segment_bytes'] / MEBIBYTE:10.0f}",
            flush=True,
        )


def show_ratios(rows: list[dict[str, Any]]) -> None:
    print()
    for row in rows:
        if row["impl"] != "raydp":
            continue
        floor = "noop sink" if row["direction"] == "from_spark" else f"cached scan ({row['aggregate']})"
        bound = CASES[row["case"]].bounds.get(row["direction"])
        gate = "" if bound is None else f"   gate: at most {bound}"
        print(f"{row['case']:<18}{row['direction']:>10} / {floor:<25} = {row['ratio_to_floor']:.2f}{gate}")
        if row["case"] == "many_partitions" and row["direction"] == "from_spark":
            print(f"{'':<18}per partition more than the floor: {milliseconds_per_partition(row):.2f} ms   gate: 5")


def milliseconds_per_partition(row: dict[str, Any]) -> float:
    floor: float = row["seconds_median"] / row["ratio_to_floor"]
    partitions = CASES[row["case"]].partition_count(row["rows"])
    return float(1000 * (row["seconds_median"] - floor) / partitions)


class Names(argparse.Action):
    """Some of the names in `choices`, separated by spaces or commas."""

    def __init__(self, names: Iterable[str], **keywords: Any) -> None:
        self._names = list(names)
        super().__init__(nargs="+", metavar="NAME", **keywords)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        given = [name for value in values or [] for name in value.split(",") if name]
        for name in given:
            if name not in self._names:
                parser.error(f"{option_string}: {name!r} is not one of {', '.join(self._names)}")
        setattr(namespace, self.dest, given)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--cases", action=Names, names=CASES, default=list(CASES), help=", ".join(CASES))
    parser.add_argument("--directions", nargs="+", choices=DIRECTIONS, default=DIRECTIONS)
    parser.add_argument("--impls", nargs="+", help="run only these and the floor: raydp memcpy arrow parquet raydp_1_6")
    parser.add_argument(
        "--deployment", action=Names, names=DEPLOYMENTS, help=f"compare with native: {', '.join(DEPLOYMENTS)}"
    )
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default: 5)")
    parser.add_argument("--warm-ups", type=int, default=3, help="warm-up runs of each implementation (default: 3)")
    parser.add_argument("--rows", type=int, help="rows of every case (default: depends on the case, about 640 MB)")
    parser.add_argument("--peer-python", help="compare with RayDP 1.6: the Python of an environment that contains it")
    parser.add_argument("--executor-memory", default="3g", help="heap of the executor (default: 3g)")
    parser.add_argument("--driver-memory", default="3g", help="heap of the driver JVM (default: 3g)")
    parser.add_argument("--store-mebibytes", type=int, default=2048, help="size of Ray's object store (default: 2048)")
    options = parser.parse_args()
    if options.deployment and (options.impls or options.peer_python):
        parser.error("--deployment compares deployments with each other: omit --impls and --peer-python")
    return options


def results(options: argparse.Namespace) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each case."""
    if options.deployment:
        with Deployments(options.deployment, options) as deployments:
            for name in options.cases:
                yield list(deployments.measure(CASES[name]))
        return
    start_ray(options)
    try:
        with native(options) as spark:
            for name in options.cases:
                yield list(measure(spark, CASES[name], options))
    finally:
        raydp.stop_spark()
        ray.shutdown()


def main() -> None:
    options = parse()
    rows: list[dict[str, Any]] = []
    for found in results(options):
        rows += found
        if options.json:  # after each case, because a whole run takes long
            options.json.write_text(json.dumps(rows, indent=2) + "\n")
    (show_ratios_to_native if options.deployment else show_ratios)(rows)


if __name__ == "__main__":
    main()
