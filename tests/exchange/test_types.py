"""Each line of docs/types.md in a real session: Spark's types to Ray and back, pandas' types, metadata."""

from __future__ import annotations

import datetime as dt
import os
import time
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import ray
import ray.data
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.linalg import DenseVector, SparseVector, Vectors, VectorUDT
from pyspark.sql import functions as F
from pyspark.sql import types as T

import raydp
import raydp.spark
from raydp._exchange.types.type_table import SCALAR_TYPES, ComesBack
from raydp.errors import DataLossError, UnsupportedTypeError
from support.datasets import table_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession

_VARIANT = pa.struct([("value", pa.binary()), ("metadata", pa.binary())])

# An expression of Spark's -> its type there, the Arrow type in Ray's blocks, and the value as Python sees it there.
SPARK_TYPES: list[tuple[str, str, pa.DataType, Any]] = [
    ("time'12:34:56.123456'", "time(6)", pa.time64("ns"), dt.time(12, 34, 56, 123456)),
    ("cast('12:34:56.7' as time(1))", "time(1)", pa.time64("ns"), dt.time(12, 34, 56, 700000)),
    ("cast('12:34:56.123456789' as time(9))", "time(9)", pa.time64("ns"), pd.NA),
    ("interval '1 02:03:04.5' day to second", "interval day to second", pa.duration("us"), dt.timedelta(1, 7384.5)),
    ("interval '5' hour", "interval hour", pa.duration("us"), dt.timedelta(hours=5)),
    ("interval '-1-2' year to month", "interval year to month", pa.int32(), -14),
    ("interval '3' month", "interval month", pa.int32(), 3),
    (
        "make_interval(1,2,0,4,5,6,7.5)",
        "interval",
        pa.struct([("months", pa.int32()), ("days", pa.int32()), ("microseconds", pa.int64())]),
        {"months": 14, "days": 4, "microseconds": 18_367_500_000},
    ),
    ("'a' collate UNICODE_CI", "string collate UNICODE_CI", pa.string(), "a"),
    ("array('a' collate UTF8_LCASE)", "array<string collate UTF8_LCASE>", pa.list_(pa.string()), ["a"]),
    (
        "map('k' collate UNICODE, interval '1' year)",
        "map<string collate UNICODE,interval year>",
        pa.map_(pa.string(), pa.int32()),
        [("k", 12)],
    ),
    ("parse_json('1')", "variant", _VARIANT, {"value": b"\x0c\x01", "metadata": b"\x01\x00\x00"}),
    ("named_struct('x', parse_json('null'))", "struct<x:variant>", pa.struct([("x", _VARIANT)]), pd.NA),
    ("struct()", "struct<>", pa.struct([]), {}),
    ("timestamp'1582-10-04 00:00:00'", "timestamp", pa.timestamp("us", "UTC"), pd.NA),
    ("timestamp_ntz'9999-12-31 23:59:59.999999'", "timestamp_ntz", pa.timestamp("us"), pd.NA),
    ("date'0001-01-01'", "date", pa.date32(), dt.date(1, 1, 1)),
    ("cast('ab' as char(4))", "string", pa.string(), "ab"),
]
# Expressions of the types whose values others compare: with random data, and as vectors and matrices.
OTHER_TYPES = ["true", "1Y", "1S", "1", "1L", "1.5F", "-0.0D", "1.50BD", "'a'", "X'01'", "array(1, null)", "null"]


def texts(df: DataFrame) -> list[Any]:
    """Values as text, which PySpark can collect of every type."""
    shown = [
        F.to_json(F.struct(F.col(name))) if _is_nested(df, name) else F.col(name).cast("string") for name in df.columns
    ]
    return [tuple(row) for row in df.select(shown).collect()]


def _is_nested(df: DataFrame, name: str) -> bool:
    return isinstance(df.schema[name].dataType, T.StructType | T.VariantType)


@pytest.mark.parametrize(("expression", "name", "arrow", "value"), SPARK_TYPES, ids=[row[0] for row in SPARK_TYPES])
@pytest.mark.parametrize("fused", [True, False], ids=["fused", "rows"])
def test_spark_types(
    spark: SparkSession, expression: str, name: str, arrow: pa.DataType, value: Any, *, fused: bool
) -> None:
    # Half of the rows are null; the rows of a cached frame are read instead of computed.
    df = spark.range(4).selectExpr(f"if(id % 2 = 0, {expression}, null) c")
    if not fused:
        df = df.coalesce(1).sortWithinPartitions(F.col("c").isNull()) if name != "interval" else df.coalesce(1)
    assert df.schema["c"].dataType.simpleString() == name
    dataset = raydp.from_spark(df)
    table = table_of(dataset)
    assert table.schema.field("c").type == arrow
    assert table.column("c").null_count == 2
    if value is not pd.NA:
        assert table.column("c").drop_null().to_pylist() == [value, value]
    assert dataset.count() == 4
    assert len(dataset.take_all()) == 4 or name == "time(9)"
    back = raydp.to_spark(dataset)
    assert back.schema["c"].dataType.simpleString() == name
    assert sorted(map(str, texts(back))) == sorted(map(str, texts(df)))


def test_all_types_in_one_frame(spark: SparkSession) -> None:
    expressions = [*(row[0] for row in SPARK_TYPES), *OTHER_TYPES]
    columns = [f"if(id % 2 = 0, {one}, null) c{number}" for number, one in enumerate(expressions)]
    df = spark.range(4).selectExpr(*columns)
    known = {row.spark for row in SCALAR_TYPES if row.comes_back is not ComesBack.AS_ANOTHER}
    assert {type(field.dataType).__name__ for field in df.schema} >= known
    back = raydp.to_spark(raydp.from_spark(df), spark)
    assert back.schema.simpleString() == df.schema.simpleString()
    assert sorted(map(str, texts(back))) == sorted(map(str, texts(df)))


def test_operations_of_ray_data_keep_the_types(spark: SparkSession) -> None:
    # NumPy and pandas get times as Python's, which have no nanoseconds.
    shown = [row[0] for row in SPARK_TYPES if row[1] != "time(9)"]
    columns = [f"{expression} c{i}" for i, expression in enumerate(shown)]
    df = spark.range(6).selectExpr("id", *columns)
    dataset = raydp.from_spark(df.coalesce(1)).limit(4)
    same = dataset.map_batches(lambda table: table, batch_format="pyarrow").repartition(1)
    assert raydp.to_spark(same).schema == raydp.to_spark(raydp.from_spark(df)).schema
    assert len(same.to_pandas()) == 4
    assert same.map_batches(lambda batch: {"n": batch["id"]}).sum("n") == 6


def test_metadata_of_fields_comes_back(spark: SparkSession) -> None:
    inner = T.StructType([T.StructField("x", T.LongType(), metadata={"unit": "m", "limits": [1, 2]})])
    schema = T.StructType([T.StructField("s", inner, metadata={"comment": "says a word"})])
    dataset = raydp.from_spark(spark.createDataFrame([((1,),)], schema))
    assert raydp.to_spark(dataset).schema == schema
    assert dataset.schema().base_schema.field("s").metadata == {b"SPARK::metadata::json": b'{"comment": "says a word"}'}


def test_metadata_of_arrow_fields_comes_back(spark: SparkSession) -> None:
    field = pa.field("x", pa.int64(), metadata={"unit": "m"})
    df = raydp.to_spark(ray.data.from_arrow(pa.table([pa.array([1])], schema=pa.schema([field]))))
    assert df.schema["x"].metadata == {"arrow": {"unit": "m"}}
    assert table_of(raydp.from_spark(df)).schema.field("x").metadata == {b"unit": b"m"}


def test_a_type_that_is_not_known_any_more_does_not_hinder(spark: SparkSession) -> None:
    metadata = {"raydp.spark_type": '{"type": "udt", "class": "a.B", "pyClass": "no.such.Thing", "sqlType": "long"}'}
    stale = [
        pa.field("x", pa.int64(), metadata=metadata),
        pa.field("y", pa.int64(), metadata={"raydp.spark_type": "no"}),
    ]
    df = raydp.to_spark(ray.data.from_arrow(pa.table([pa.array([1]), pa.array([2])], schema=pa.schema(stale))))
    assert df.schema.simpleString() == "struct<x:bigint,y:bigint>"
    assert df.collect() == [(1, 2)]


def test_vectors_become_tensors_of_ray(spark: SparkSession) -> None:
    numbers = spark.range(100).selectExpr("id", "cast(id as double) x", "id * 2.0d y")
    df = VectorAssembler(inputCols=["x", "y"], outputCol="features").transform(numbers).drop("x", "y").repartition(3)
    dataset = raydp.from_spark(df)
    batch = next(iter(dataset.iter_batches(batch_size=64, batch_format="numpy")))
    assert batch["features"].shape == (64, 2)
    assert batch["features"].dtype == np.float64
    np.testing.assert_array_equal(batch["features"], np.stack([batch["id"], batch["id"] * 2], axis=1))
    back = raydp.to_spark(dataset)
    assert back.schema["features"] == df.schema["features"]
    assert {row.id: row.features for row in back.collect()} == {i: DenseVector([i, 2 * i]) for i in range(100)}
    scaled = dataset.map_batches(lambda batch: {"features": batch["features"] * 0.5})
    assert raydp.to_spark(scaled).schema.simpleString() == "struct<features:array<double>>"


def test_sparse_vectors_and_nulls(spark: SparkSession) -> None:
    rows = [(SparseVector(3, [1], [2.0]),), (DenseVector([1, 2, 3]),), (None,)]
    df = spark.createDataFrame(rows, T.StructType([T.StructField("v", VectorUDT())])).coalesce(1)
    dataset = raydp.from_spark(df)
    batch = next(iter(dataset.iter_batches(batch_format="numpy")))["v"]
    np.testing.assert_array_equal(batch, [[0, 2, 0], [1, 2, 3], [np.nan] * 3])
    assert raydp.to_spark(dataset).collect() == [(DenseVector([0, 2, 0]),), *rows[1:]]
    stored = raydp.from_spark(df, tensor_columns=[])
    assert raydp.to_spark(stored).collect() == rows
    assert set(stored.take(1)[0]["v"]) == {"type", "size", "indices", "values"}


def test_arrays_become_tensors_when_asked(spark: SparkSession) -> None:
    df = spark.range(10).selectExpr("array(cast(id as float), 1f) e", "array(array(id, 1L), array(2L, 3L)) m")
    plain = raydp.from_spark(df)
    assert table_of(plain).schema.types == [pa.list_(pa.float32()), pa.list_(pa.list_(pa.int64()))]
    asked = raydp.from_spark(df, tensor_columns={"e": (2,), "m": (2, 2)})
    batch = asked.take_batch(10)
    assert (batch["e"].shape, batch["m"].shape) == ((10, 2), (10, 2, 2))
    assert raydp.to_spark(asked).collect() == df.collect()


def test_vectors_of_several_lengths_are_refused(spark: SparkSession) -> None:
    rows = [(Vectors.dense([0.0] * (1 + i // 50)),) for i in range(100)]
    df = spark.createDataFrame(rows, T.StructType([T.StructField("v", VectorUDT())])).repartition(4)
    with pytest.raises(DataLossError, match="column 'v', shapes"):
        raydp.from_spark(df)
    assert raydp.from_spark(df, tensor_columns=[]).count() == 100


def test_a_frame_of_vectors_without_rows_has_their_length(spark: SparkSession) -> None:
    numbers = spark.range(3).selectExpr("cast(id as double) x", "id * 2.0d y")
    df = VectorAssembler(inputCols=["x", "y"], outputCol="v").transform(numbers).select("v")
    assert raydp.from_spark(df.where("false")).schema().types[0].shape == (2,)


def test_types_that_cannot_cross_are_refused_before_any_job(spark: SparkSession) -> None:
    spark.conf.set("spark.sql.timestampNanosTypes.enabled", "true")
    try:
        group = "types that cannot cross"
        spark.sparkContext.setJobGroup(group, group)
        point = spark.sql("select array(st_geomfromwkb(X'0101000000000000000000F03F0000000000000040')) places")
        with pytest.raises(UnsupportedTypeError, match=r"ST_AsBinary: column 'places\[\]', Spark type geometry"):
            raydp.from_spark(point)
        precise = spark.sql("select cast('2020-01-01 00:00:00.123456789' as timestamp_ntz(9)) t")
        with pytest.raises(UnsupportedTypeError, match="PySpark itself does not know"):
            raydp.from_spark(precise)
        assert list(spark.sparkContext.statusTracker().getJobIdsForGroup(group)) == []
    finally:
        spark.conf.unset("spark.sql.timestampNanosTypes.enabled")


def test_times_need_spark_to_know_them(spark: SparkSession) -> None:
    dataset = ray.data.from_arrow(pa.table({"t": pa.array([dt.time(1)])}))
    spark.conf.set("spark.sql.timeType.enabled", "false")
    try:
        with pytest.raises(UnsupportedTypeError, match=r"spark\.sql\.timeType\.enabled.*struct<t:time\(6\)>"):
            raydp.to_spark(dataset)
        with pytest.raises(UnsupportedTypeError, match=r"spark\.sql\.timeType\.enabled.*array<time\(6\)>"):
            raydp.from_spark(spark.sql("select array(time'12:34:56') t"))
    finally:
        spark.conf.set("spark.sql.timeType.enabled", "true")
    assert raydp.to_spark(dataset).collect() == [(dt.time(1),)]


# A pandas column -> its Spark type, and what Spark collects.
_WHEN = pd.Timestamp("2020-07-01 12:00:00.123456")
PANDAS_COLUMNS: list[tuple[str, Any, str, list[Any]]] = [
    ("categorical", pd.Categorical(["a", None, "b"]), "string", ["a", None, "b"]),
    ("categorical numbers", pd.Categorical([3, None, 1]), "bigint", [3, None, 1]),
    ("nullable integers", pd.array([1, None], "Int64"), "bigint", [1, None]),
    ("nullable booleans", pd.array([True, None], "boolean"), "boolean", [True, None]),
    ("nullable strings", pd.array(["a", None], "string"), "string", ["a", None]),
    ("Arrow integers", pd.array([1, None], "uint16[pyarrow]"), "int", [1, None]),
    (
        "Arrow decimals",
        pd.array([Decimal("1.50")], pd.ArrowDtype(pa.decimal128(9, 2))),
        "decimal(9,2)",
        [Decimal("1.50")],
    ),
    ("Arrow dictionaries", pd.array(["a"], pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))), "string", ["a"]),
    ("dates", [dt.date(2020, 1, 1), None], "date", [dt.date(2020, 1, 1), None]),
    ("decimals", [Decimal("1.50"), None], "decimal(3,2)", [Decimal("1.50"), None]),
    ("lists", [[1, 2], None], "array<bigint>", [[1, 2], None]),
    ("dicts", [{"a": 1}, None], "struct<a:bigint>", [(1,), None]),
    ("arrays", [np.arange(2), np.arange(2)], "array<bigint>", [[0, 1], [0, 1]]),
    ("arrays of two dimensions", [np.eye(2), np.eye(2)], "array<array<double>>", [[[1, 0], [0, 1]]] * 2),
    ("ragged arrays", [np.arange(2), np.arange(1)], "array<bigint>", [[0, 1], [0]]),
    ("times", [dt.time(1, 2, 3, 4), None], "time(6)", [dt.time(1, 2, 3, 4), None]),
    ("timedeltas", [dt.timedelta(1), None], "interval day to second", [dt.timedelta(1), None]),
    ("timedelta64", pd.to_timedelta([1_000, None]), "interval day to second", [dt.timedelta(microseconds=1), None]),
    ("datetime64", pd.to_datetime([_WHEN, None]), "timestamp_ntz", [_WHEN.to_pydatetime(), None]),
    ("uuids", [uuid.UUID(int=1)], "binary", [bytearray(uuid.UUID(int=1).bytes)]),
    ("bytes", [b"a", None], "binary", [bytearray(b"a"), None]),
    ("nothing", [None, None], "void", [None, None]),
    ("half floats", np.array([1.5], np.float16), "float", [1.5]),
]


@pytest.mark.parametrize(
    ("values", "name", "expected"), [c[1:] for c in PANDAS_COLUMNS], ids=[c[0] for c in PANDAS_COLUMNS]
)
def test_pandas_columns(spark: SparkSession, values: Any, name: str, expected: list[Any]) -> None:
    df = raydp.to_spark(ray.data.from_pandas(pd.DataFrame({"c": values})))
    assert df.schema["c"].dataType.simpleString() == name
    assert [row.c for row in df.collect()] == expected


@pytest.mark.parametrize("values", [[1, "a"], [object()]], ids=["mixed", "objects"])
def test_columns_that_ray_pickles_are_refused(spark: SparkSession, values: list[Any]) -> None:
    with pytest.raises(UnsupportedTypeError, match=r"Ray Data pickled its values.*column 'c'"):
        raydp.to_spark(ray.data.from_pandas(pd.DataFrame({"c": values})))


def test_pandas_nanoseconds_are_never_cut(spark: SparkSession) -> None:
    df = raydp.to_spark(ray.data.from_pandas(pd.DataFrame({"c": pd.to_timedelta([1_001])})))
    with pytest.raises(DataLossError, match=r"column 'c', type duration\[ns\]"):
        df.collect()


def test_tensors_of_ray_become_nested_arrays(spark: SparkSession) -> None:
    df = raydp.to_spark(ray.data.range_tensor(5, shape=(2, 3)))
    assert df.schema.simpleString() == "struct<data:array<array<bigint>>>"
    assert [row.data for row in df.collect()] == [np.full((2, 3), i).tolist() for i in range(5)]
    images = ray.data.from_items([{"image": np.ones((i + 1, 2), np.uint8)} for i in range(3)])
    assert [len(row.image) for row in raydp.to_spark(images).collect()] == [1, 2, 3]


@pytest.fixture
def far_east() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_time_zones_are_never_shifted(spark: SparkSession) -> None:
    # The session's zone is New York's, the process' Tokyo's; neither must show.
    assert spark.conf.get("spark.sql.session.timeZone") == "America/New_York"
    df = spark.sql("select timestamp'2024-03-10 02:30:00Z' t, timestamp_ntz'2024-03-10 02:30:00' n")
    micros = 1_710_037_800_000_000
    table = table_of(raydp.from_spark(df))
    assert [column.combine_chunks().view(pa.int64()).to_pylist() for column in table.columns] == [[micros], [micros]]
    zoned = pa.array([micros], pa.timestamp("us", "Australia/Sydney"))
    back = raydp.to_spark(ray.data.from_arrow(pa.table({"t": zoned, "n": pa.array([micros], pa.timestamp("us"))})))
    assert back.selectExpr("unix_micros(t)", "cast(n as string)").collect() == [(micros, "2024-03-10 02:30:00")]
    aware = ray.data.from_pandas(pd.DataFrame({"t": pd.to_datetime(["2024-03-10T02:30:00+09:00"])}))
    assert raydp.to_spark(aware).selectExpr("unix_micros(t)").collect() == [(micros - 9 * 3_600_000_000,)]
