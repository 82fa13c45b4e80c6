"""``register``: Ray Datasets that Spark's queries can name."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import ray
import ray.data
from pyspark.errors import AnalysisException
from pyspark.sql import functions as F

import raydp
from raydp.errors import InvalidArgumentError, NotADataFrameError, UnsupportedTypeError
from support.applications import registered_datasets
from support.datasets import collect_garbage, eventually, settled_store_bytes, store_bytes_used

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession


@pytest.fixture(autouse=True)
def nothing_registered(spark: SparkSession) -> Iterator[None]:
    yield
    for name in registered_datasets():
        raydp.unregister(name)


def numbers(rows: int) -> ray.data.Dataset:
    return ray.data.from_arrow(pa.table({"n": pa.array(range(rows), pa.int64())}))


def test_every_way_to_read_by_name(spark: SparkSession) -> None:
    raydp.register(numbers(1000), "numbers")
    raydp.register(numbers(10), "a few. äö`n")
    assert spark.read.format("ray").load("numbers").agg(F.sum("n")).collect()[0][0] == sum(range(1000))
    assert spark.table("ray.numbers").where("n >= 990").count() == 10
    assert spark.sql("SELECT max(n) AS m FROM ray.numbers").collect()[0].m == 999
    assert spark.sql("SELECT count(*) FROM ray.`a few. äö``n`").collect()[0][0] == 10
    joined = spark.sql("SELECT a.n FROM ray.numbers a JOIN ray.`a few. äö``n` b ON a.n = b.n")
    assert sorted(row.n for row in joined.collect()) == list(range(10))
    listed = spark.sql("SHOW TABLES IN ray").collect()
    assert sorted(row.tableName for row in listed) == ["a few. äö`n", "numbers"]
    assert spark.sql("DESCRIBE TABLE ray.numbers").first().col_name == "n"  # type: ignore[union-attr]
    assert spark.catalog.tableExists("ray.numbers")
    other_session = spark.newSession()
    assert other_session.table("ray.numbers").count() == 1000


def test_an_unknown_name_lists_the_known_ones(spark: SparkSession) -> None:
    with pytest.raises(AnalysisException, match=r"No Ray Dataset has this name.*Registered: \[\], name: 'x'"):
        spark.read.format("ray").load("x")
    raydp.register(numbers(1), "flights")
    raydp.register(numbers(1), "weather")
    for read in (
        lambda: spark.read.format("ray").load("Flight"),
        lambda: spark.sql("SELECT * FROM ray.Flight"),
        lambda: spark.table("ray.Flight"),
    ):
        with pytest.raises(AnalysisException, match=r"mean 'flights'\?.*Registered: \[flights, weather\], name: 'Fli"):
            read()
    with pytest.raises(AnalysisException, match=r"name: 'a\.b'"):
        spark.sql("SELECT * FROM ray.a.b")
    with pytest.raises(InvalidArgumentError, match=r"Registered: \['flights', 'weather'\], name: 'flight'$"):
        raydp.unregister("flight")
    assert not spark.catalog.tableExists("ray.flight")


@pytest.mark.promised("register", "NotADataFrameError", "InvalidArgumentError", "UnsupportedTypeError")
def test_arguments_are_checked(spark: SparkSession) -> None:
    with pytest.raises(NotADataFrameError, match=r"register takes a ray\.data\.Dataset\. Got list"):
        raydp.register([1], "x")  # type: ignore[arg-type]
    for name in ("", "  ", 7):
        with pytest.raises(InvalidArgumentError, match="name of a Dataset must be a string that is not empty"):
            raydp.register(numbers(1), name)  # type: ignore[arg-type]
    opaque = pa.ExtensionArray.from_storage(pa.opaque(pa.int8(), "a", "b"), pa.array([1], pa.int8()))
    with pytest.raises(UnsupportedTypeError, match="column 'c'"):
        raydp.register(ray.data.from_arrow(pa.table({"c": opaque})), "x")
    with pytest.raises(Exception, match="needs the name of a Dataset"):
        spark.read.format("ray").load()


def test_a_name_can_be_taken_over_and_dropped_in_sql(spark: SparkSession) -> None:
    raydp.register(numbers(5), "n")
    first = spark.table("ray.n")
    raydp.register(numbers(7), "n")
    assert (first.count(), spark.table("ray.n").count()) == (5, 7)
    spark.sql("DROP TABLE ray.n")
    spark.sql("DROP TABLE IF EXISTS ray.n")
    assert registered_datasets() == []
    assert first.agg(F.sum("n")).collect()[0][0] == 10


def test_sql_cannot_make_or_change_registered_datasets(spark: SparkSession) -> None:
    raydp.register(numbers(5), "n")
    with pytest.raises(Exception, match=r"SQL cannot create a Ray Dataset.*Table: ray\.m"):
        spark.range(5).writeTo("ray.m").create()
    with pytest.raises(Exception, match="SQL cannot rename a Ray Dataset"):
        spark.sql("ALTER TABLE ray.n RENAME TO ray.m").collect()
    with pytest.raises(AnalysisException, match=r"(?i)does not support"):
        spark.sql("INSERT INTO ray.n VALUES (1)")


def test_the_name_holds_the_blocks_and_derived_frames_do_after_it(spark: SparkSession) -> None:
    before = settled_store_bytes(spark)
    raydp.register(numbers(4 << 20), "held")
    collect_garbage(spark)
    assert eventually(lambda: store_bytes_used() - before > 30e6)
    derived = spark.table("ray.held").where("n % 2 = 0").select((F.col("n") + 1).alias("m"))
    raydp.unregister("held")
    collect_garbage(spark)
    assert derived.agg(F.max("m")).collect()[0][0] == (4 << 20) - 1
    del derived

    def freed() -> bool:
        collect_garbage(spark)
        return store_bytes_used() - before < 5e6

    assert eventually(freed)


def test_unregistering_frees_the_blocks_by_itself(spark: SparkSession) -> None:
    before = settled_store_bytes(spark)
    raydp.register(numbers(4 << 20), "short")
    assert spark.table("ray.short").count() == 4 << 20
    assert eventually(lambda: store_bytes_used() - before > 30e6)
    raydp.unregister("short")
    gc.collect()  # PySpark's frames are in reference cycles
    assert eventually(lambda: store_bytes_used() - before < 5e6)
