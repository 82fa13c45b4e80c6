"""Columns that Spark's file readers fill in, repeat, wrap or decode late.

Whatever a vectorized reader makes of a column, an export has the values that Spark's row-based reader returns.
"""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F
from pyspark.sql import types as T

import raydp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

ROWS = 5000  # more than one batch of a vectorized reader
SOME = "id < 2 OR id % 500 = 0 OR id BETWEEN 4094 AND 4098"  # of several batches, and the rows around their border

# A column -> its type and a default. Spark's vectorized readers fill in half of them wrongly.
DEFAULTS = {
    "truth": ("boolean", "true"),
    "tiny": ("tinyint", "-3"),
    "small": ("smallint", "300"),
    "whole": ("int", "-70000"),
    "large": ("bigint", "9223372036854775807"),
    "single": ("float", "1.5F"),
    "twice": ("double", "2.5D"),
    "decimal9": ("decimal(9, 2)", "-1234567.89"),
    "decimal18": ("decimal(18, 2)", "-1234567890123456.78"),
    "decimal20": ("decimal(20, 2)", "1.5"),
    "beyond_long": ("decimal(20, 2)", "123456789012345678.12"),
    "decimal38": ("decimal(38, 0)", "-12345678901234567890123456789012345678"),
    "text": ("string", "'hé'"),
    "padded": ("char(5)", "'ab'"),
    "varying": ("varchar(5)", "'ab'"),
    "bytes": ("binary", "X'00FF'"),
    "no_bytes": ("binary", "X''"),
    "day": ("date", "DATE'1969-12-31'"),
    "instant": ("timestamp", "TIMESTAMP'2020-01-01 00:00:00'"),
    "zoneless": ("timestamp_ntz", "TIMESTAMP_NTZ'2020-01-01 00:00:00.000001'"),
    "clock": ("time(6)", "TIME'12:34:56.123456'"),
    "months": ("interval year to month", "INTERVAL '-1-2' YEAR TO MONTH"),
    "duration": ("interval day to second", "INTERVAL '1 02:03:04.5' DAY TO SECOND"),
    "numbers": ("array<int>", "array(1, 2)"),
    "some_null": ("array<int>", "array(1, null)"),
    "empty": ("array<string>", "array()"),
    "lists": ("array<array<int>>", "array(array(1), array(2, 3))"),
    "structs": ("array<struct<x: int, y: string>>", "array(named_struct('x', 1, 'y', 'q'))"),
    "decimals": ("array<decimal(38, 2)>", "array(99999999999999999999999.5)"),
    "small_decimals": ("array<decimal(38, 2)>", "array(1.5)"),
    "record": ("struct<x: int, y: struct<z: string>>", "named_struct('x', 1, 'y', named_struct('z', 'q'))"),
    "null_field": ("struct<x: int, y: string>", "named_struct('x', 1, 'y', null)"),
    "bytes_field": ("struct<b: binary>", "named_struct('b', X'01')"),
    "pairs": ("map<int, string>", "map(1, 'a', 2, 'b')"),
    "no_entries": ("map<string, int>", "map()"),
    "null_value": ("map<string, int>", "map('k', null)"),
    "maps": ("array<map<string, int>>", "array(map('k', 1, 'l', 2))"),
    "map_field": ("struct<m: map<string, int>>", "named_struct('m', map('k', 1, 'l', 2))"),
    "absent": ("binary", "NULL"),
}
ONLY_PARQUET = {
    "folded": ("string collate UNICODE_CI", "'Ab'"),
    "variant": ("variant", "parse_json('{\"a\": [1, null]}')"),
}

QUERIES = {
    "conditions": "SELECT id, pairs[1] m, decimal38 + 1 d FROM {} WHERE decimal38 < 0 AND bytes = X'00FF'",
    "an aggregate": "SELECT 0 id, bytes, count(*) n, max(decimal38) d FROM {} GROUP BY bytes",
    "a join and a subquery": "SELECT a.id, b.pairs FROM {0} a JOIN {0} b ON a.id = b.id "
    "WHERE a.id % 1000 < 2 AND (SELECT count(bytes) FROM {0}) > 4000",
}

# Columns of few values, which the files encode with dictionaries, and of many.
VALUES = {
    "truth": "id % 2 = 0",
    "tiny": "cast(id % 7 - 3 as tinyint)",
    "small": "cast(id % 300 as smallint)",
    "whole": "cast(id % 9 as int)",
    "large": "id * 1000",
    "single": "cast(id % 9 / 3 as float)",
    "twice": "cast(id % 9 as double) / 7",
    "decimal9": "cast(id % 11 - 5 as decimal(9, 2))",
    "decimal18": "cast(id % 11 - 5 as decimal(18, 2)) * 1.5",
    "decimal38": "cast(id % 11 - 5 as decimal(30, 0)) * 12345678901234567890",
    "text": "repeat('é', cast(id % 5 as int))",
    "many_texts": "cast(id as string)",
    "bytes": "encode(repeat('x', cast(id % 5 as int)), 'UTF-8')",
    "day": "date_add(DATE'1969-12-28', cast(id % 9 as int))",
    "instant": "timestamp_micros(id % 9 * 100000000001)",
    "zoneless": "TIMESTAMP_NTZ'1969-12-28 00:00:00.000001' + make_dt_interval(cast(id % 9 as int))",
    "clock": "if(id % 2 = 0, TIME'12:34:56.123456', TIME'00:00:00')",
    "months": "make_ym_interval(cast(id % 9 as int), 1)",
    "duration": "make_dt_interval(cast(id % 9 as int), 1, 2, 3.000004)",
    "numbers": "array(id, null, id % 3)",
    "structs": "array_repeat(named_struct('x', id, 'y', cast(id % 4 as string)), cast(id % 3 as int))",
    "record": "named_struct('x', id % 3, 'y', if(id % 2 = 0, null, named_struct('z', 'q')))",
    "pairs": "map(id, named_struct('x', id % 3), id + 1, null)",
}
CONSTANTS = [
    "'c' constant",
    "7 number",
    "1.5BD * 10000000000000000000 big",
    "cast(null as int) absent",
    "array(1) list",
]


@contextmanager
def setting(spark: SparkSession, **values: str) -> Iterator[None]:
    """Change settings of ``spark.sql``; two underscores stand for a dot."""
    keys = {"spark.sql." + name.replace("__", "."): value for name, value in values.items()}
    before = {key: spark.conf.get(key, None) for key in keys}
    for key, value in keys.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, old in before.items():
            spark.conf.unset(key) if old is None else spark.conf.set(key, old)


def collected(df: DataFrame) -> list[str]:
    """Return the rows as text, which tells -0.0 from 0.0 and compares NaN."""
    # PySpark cannot collect intervals of months.
    shown = [
        F.col(field.name).cast("string") if isinstance(field.dataType, T.YearMonthIntervalType) else F.col(field.name)
        for field in df.schema.fields
    ]
    return sorted(str(tuple(row)) for row in df.select(shown).collect())


def assert_same_rows(exported: DataFrame, expected: DataFrame) -> None:
    found, rows = collected(exported), collected(expected)
    assert len(rows) > 0
    for name in expected.columns if found != rows else ():  # names the column, and shows only its values
        assert (name, collected(exported.select(name))) == (name, collected(expected.select(name)))
    assert found == rows


def assert_exported_as_read_by_rows(spark: SparkSession, read: Callable[[], DataFrame], where: str = SOME) -> None:
    exported = raydp.to_spark(raydp.from_spark(read())).where(where)
    with setting(spark, parquet__enableVectorizedReader="false", orc__enableVectorizedReader="false"):
        assert_same_rows(exported, read().where(where))


@pytest.fixture(scope="module", params=["parquet", "orc"])
def file_format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def grown_table(spark: SparkSession, file_format: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A table with a file from before most of its columns were added, and a table of the same rows without defaults.

    Spark's row-based readers are of no help here: they parse every default for every row.
    """
    name = f"grown_{file_format}"
    columns = DEFAULTS | (ONLY_PARQUET if file_format == "parquet" else {})
    added = ", ".join(f"{column} {kind} DEFAULT {value}" for column, (kind, value) in columns.items())
    values = "".join(f", {value if 'char' in kind else f'CAST({value} AS {kind})'}" for kind, value in columns.values())
    plain = ", ".join(f"{column} {kind}" for column, (kind, _) in columns.items())
    spark.sql(f"CREATE TABLE {name} (id bigint) USING {file_format} LOCATION '{tmp_path_factory.mktemp(name)}'")
    spark.sql(f"INSERT INTO {name} SELECT id FROM range(0, {ROWS}, 1, 1)")
    spark.sql(f"ALTER TABLE {name} ADD COLUMNS ({added})")
    location = tmp_path_factory.mktemp(name)
    spark.sql(f"CREATE TABLE {name}_plain (id bigint, {plain}) USING {file_format} LOCATION '{location}'")
    spark.sql(f"INSERT INTO {name}_plain SELECT id{values} FROM range(0, {ROWS}, 1, 1)")
    for table in (name, f"{name}_plain"):
        spark.sql(f"INSERT INTO {table} SELECT -1{values} UNION ALL SELECT -2{', NULL' * len(columns)}")
    yield name
    for table in (name, f"{name}_plain"):
        spark.sql(f"DROP TABLE {table}")


def assert_defaults(spark: SparkSession, table: str, query: str = "SELECT * FROM {}") -> None:
    exported = raydp.to_spark(raydp.from_spark(spark.sql(query.format(table))))
    assert_same_rows(exported.where(SOME), spark.sql(query.format(f"{table}_plain")).where(SOME))


@pytest.fixture(scope="module")
def folder(spark: SparkSession, file_format: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of two files with all values, of which one has the older encodings."""
    path = str(tmp_path_factory.mktemp("values") / file_format)
    columns = [f"if(id % 7 = 3 AND id < 4000, null, {value}) {name}" for name, value in VALUES.items()]
    df = spark.range(0, ROWS, 1, 1).selectExpr("id", *CONSTANTS, *columns)
    # Many values do not fit this dictionary, so a batch begins with it and goes on without.
    df.write.format(file_format).option("parquet.dictionary.page.size", "2048").save(path)
    with setting(spark, parquet__outputTimestampType="INT96", parquet__writeLegacyFormat="true"):
        df.where(SOME).selectExpr("-id - 1 id", *df.columns[1:]).write.format(file_format).mode("append").save(path)
    return path


def test_defaults_of_columns_that_were_added(spark: SparkSession, grown_table: str) -> None:
    assert_defaults(spark, grown_table)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_defaults_in_queries(spark: SparkSession, grown_table: str, query: str) -> None:
    assert_defaults(spark, grown_table, query)


def test_defaults_however_rows_are_read(spark: SparkSession, grown_table: str) -> None:
    with setting(spark, codegen__maxFields="5", columnVector__offheap__enabled="true", adaptive__enabled="false"):
        assert_defaults(spark, grown_table)


def test_values_that_are_decoded_late_or_wrapped(spark: SparkSession, file_format: str, folder: str) -> None:
    assert_exported_as_read_by_rows(spark, lambda: spark.read.format(file_format).load(folder))


def test_parts_of_nested_columns(spark: SparkSession, file_format: str, folder: str) -> None:
    def read() -> DataFrame:
        df = spark.read.format(file_format).load(folder)
        return df.selectExpr("id", "record.y.z", "structs.y", "map_values(pairs).x AS pair_x", "record.x")

    assert_exported_as_read_by_rows(spark, read)


def test_columns_and_fields_that_no_file_has(spark: SparkSession, file_format: str, folder: str) -> None:
    columns = DEFAULTS | (ONLY_PARQUET if file_format == "parquet" else {})
    missing = [f"missing_{name} {kind}" for name, (kind, _) in columns.items() if "char" not in kind]
    grown = (
        "structs array<struct<w: int, x: bigint, v: binary>>, record struct<x: bigint, y: struct<w: decimal(38, 2)>>"
    )
    schema = f"id bigint, {grown}, pairs map<bigint, struct<w: string, x: bigint>>, {', '.join(missing)}"
    reader = spark.read.format(file_format).schema(schema)
    assert_exported_as_read_by_rows(spark, lambda: reader.load(folder))


def test_metadata_of_files(spark: SparkSession, file_format: str, folder: str) -> None:
    def read() -> DataFrame:
        df = spark.read.format(file_format).load(folder)
        parts = ["file_path", "file_name", "file_size", "file_block_start", "file_modification_time"]
        parts += ["row_index"] if file_format == "parquet" else []
        return df.selectExpr("id", "_metadata", *(f"_metadata.{part}" for part in parts))

    assert_exported_as_read_by_rows(spark, read)


def test_cached_values(spark: SparkSession, file_format: str, folder: str) -> None:
    df = spark.read.format(file_format).load(folder).cache()
    try:
        found = collected(raydp.to_spark(raydp.from_spark(df)).where(SOME))
    finally:
        df.unpersist(blocking=True)
    assert found == collected(spark.read.format(file_format).load(folder).where(SOME))


# Types of partition columns -> a value.
PARTITIONS = {
    "boolean": "true",
    "tinyint": "-3Y",
    "bigint": "9223372036854775807",
    "float": "1.5F",
    "double": "-0.1D",
    "decimal(9, 2)": "-1234567.89",
    "decimal(38, 10)": "-1234567890123456789012345678.0123456789",
    "string": "'h é/='",
    "char(5)": "'ab'",
    "varchar(5)": "'ab'",
    "binary": "X'616263'",
    "date": "DATE'1500-01-01'",
    "timestamp": "TIMESTAMP'2020-01-01 00:00:00.000001'",
    "timestamp_ntz": "TIMESTAMP_NTZ'2020-01-01 00:00:00.000001'",
    "interval year to month": "INTERVAL '-1-2' YEAR TO MONTH",
    "interval day to second": "INTERVAL '1 02:03:04.5' DAY TO SECOND",
}


def test_partition_columns(spark: SparkSession, file_format: str, tmp_path: Path) -> None:
    columns = ", ".join(f"p{i} {kind}" for i, kind in enumerate(PARTITIONS))
    names = ", ".join(f"p{i}" for i in range(len(PARTITIONS)))
    storage = f"USING {file_format} PARTITIONED BY ({names}) LOCATION '{tmp_path}'"
    spark.sql(f"CREATE TABLE divided (id bigint, {columns}) {storage}")
    try:
        spark.sql(f"INSERT INTO divided SELECT id, {', '.join(PARTITIONS.values())} FROM range(0, {ROWS}, 1, 1)")
        spark.sql(f"INSERT INTO divided VALUES (-1{', NULL' * len(PARTITIONS)})")
        assert_exported_as_read_by_rows(spark, lambda: spark.table("divided"))
    finally:
        spark.sql("DROP TABLE divided")


def test_files_of_other_programs(spark: SparkSession, tmp_path: Path) -> None:
    # Unsigned numbers, and columns that are read as a wider type than they were written.
    values = [None, 0, 1, 200] * 1500

    def mapped(make: Callable[[int], object]) -> list[object]:
        return [None if value is None else make(value) for value in values]

    columns: dict[str, tuple[pa.DataType, list[object], str]] = {
        "id": (pa.int64(), list(range(len(values))), "bigint"),
        "u8": (pa.uint8(), mapped(int), "smallint"),
        "u16": (pa.uint16(), mapped(int), "int"),
        "u32": (pa.uint32(), mapped(lambda v: 2**32 - 1 - v), "bigint"),
        "u64": (pa.uint64(), mapped(lambda v: 2**64 - 1 - v), "decimal(20, 0)"),
        "millis": (pa.timestamp("ms", "UTC"), mapped(int), "timestamp"),
        "fixed": (pa.binary(3), mapped(lambda v: b"%03d" % v), "binary"),
        "to_long": (pa.int32(), mapped(int), "bigint"),
        "to_double": (pa.float32(), mapped(float), "double"),
        "decimal": (pa.decimal128(30, 2), mapped(lambda v: Decimal(v) * 10**20), "decimal(30, 2)"),
    }
    arrays = {name: pa.array(data, kind) for name, (kind, data, _) in columns.items()}
    pq.write_table(pa.table(arrays), tmp_path / "foreign.parquet")
    schema = ", ".join(f"{name} {kind}" for name, (_, _, kind) in columns.items())
    assert_exported_as_read_by_rows(spark, lambda: spark.read.schema(schema).parquet(str(tmp_path)), "id % 250 < 4")
