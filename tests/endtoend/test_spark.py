"""What people do with Spark, on executors inside Ray."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F
from pyspark.sql.types import LongType

import raydp
from raydp._machine import installation as _installation
from raydp.errors import InvalidArgumentError, NotADataFrameError, UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession


def test_shuffle(spark: SparkSession) -> None:
    counts = spark.range(0, 10_000, numPartitions=7).groupBy((F.col("id") % 10).alias("k")).count().orderBy("k")
    assert [tuple(row) for row in counts.collect()] == [(k, 1000) for k in range(10)]


def test_broadcast_join(spark: SparkSession) -> None:
    left = spark.range(1000).withColumn("k", F.col("id") % 3)
    right = spark.createDataFrame([(0, "zero"), (1, "one")], "k long, name string")
    joined = left.join(F.broadcast(right), "k").groupBy("name").count()
    assert dict(joined.collect()) == {"zero": 334, "one": 333}


def test_python_udf(spark: SparkSession) -> None:
    doubled = F.udf(lambda x: x * 2, LongType())
    assert spark.range(100).select(F.sum(doubled("id"))).first()[0] == 9900


def test_pandas_udf_and_python_rdd(spark: SparkSession) -> None:
    def plus_one(frames: Iterator[Any]) -> Iterator[Any]:
        for frame in frames:
            yield frame + 1

    assert spark.range(100).mapInPandas(plus_one, "id long").agg(F.sum("id")).first()[0] == 5050
    assert spark.sparkContext.parallelize(range(100), 3).map(lambda x: x + 1).reduce(operator.add) == 5050


def test_cached_frame_and_views(spark: SparkSession) -> None:
    frame = spark.range(5000).withColumn("s", F.col("id").cast("string")).cache()
    frame.createOrReplaceTempView("cached_frame")
    assert spark.sql("select count(distinct s), sum(id) from cached_frame").first()[:] == (5000, sum(range(5000)))
    assert raydp.from_spark(frame).sum("id") == sum(range(5000))
    frame.unpersist()


def test_executors_are_ray_actors_on_the_node_address(spark: SparkSession) -> None:
    from raydp._application import current_application

    status = current_application().status()
    registered = status.registered
    assert len(registered) == 2
    assert all(e.host == spark.conf.get("spark.driver.host") for e in registered)
    assert spark.sparkContext.applicationId == status.application


def test_module_options_are_those_of_spark(spark: SparkSession) -> None:
    jvm = spark._jvm
    options = jvm.org.apache.spark.launcher.JavaModuleOptions.defaultModuleOptions().split()
    assert list(_installation.SPARK_MODULE_OPTIONS) == options
    assert _installation.LEFT_OUT_MODULE_OPTION in options


@pytest.mark.parametrize("thing", [None, 3, [1, 2], "df", {"a": 1}])
@pytest.mark.promised("from_spark", "NotADataFrameError")
def test_from_spark_of_something_else(spark: SparkSession, thing: object) -> None:
    with pytest.raises(NotADataFrameError, match=r"only support pyspark\.sql\.DataFrame"):
        raydp.from_spark(thing)  # type: ignore[arg-type]


def test_from_spark_of_a_pandas_frame(spark: SparkSession) -> None:
    import pandas as pd

    with pytest.raises(NotADataFrameError, match=r"pandas\..*DataFrame.* is not supported"):
        raydp.from_spark(pd.DataFrame({"a": [1]}))  # type: ignore[arg-type]


@pytest.mark.parametrize("blocks", [0, -2, 1.5, True, "3"])
def test_wrong_number_of_blocks(spark: SparkSession, blocks: object) -> None:
    with pytest.raises(InvalidArgumentError, match="num_blocks must be a whole number"):
        raydp.from_spark(spark.range(3), num_blocks=blocks)  # type: ignore[arg-type]


@pytest.mark.parametrize("blocks", [1, 2, 7])
def test_number_of_blocks(spark: SparkSession, blocks: int) -> None:
    ds = raydp.from_spark(spark.range(1000, numPartitions=4), num_blocks=blocks)
    assert ds.num_blocks() == blocks
    assert sorted(row["id"] for row in ds.take_all()) == list(range(1000))


def test_unsupported_type_is_named_before_any_job(spark: SparkSession) -> None:
    frame = spark.range(3).select(
        F.struct(F.expr("st_geomfromwkb(X'0101000000000000000000F03F0000000000000040')").alias("inner")).alias("outer"),
        F.expr("raise_error('a job was started')").alias("trap"),
    )
    with pytest.raises(UnsupportedTypeError) as caught:
        raydp.from_spark(frame)
    assert "outer" in str(caught.value)
    assert "inner" in str(caught.value)
    assert "geometry" in str(caught.value).lower()


def test_duplicate_columns_are_refused(spark: SparkSession) -> None:
    with pytest.raises(InvalidArgumentError, match=r"several columns of the same name.*: a"):
        raydp.from_spark(spark.range(3).selectExpr("id as a", "id as a"))


def test_names_of_raydp_1_6(spark: SparkSession) -> None:
    import ray
    from pyspark import StorageLevel

    frame = spark.range(100).withColumn("x", F.rand(seed=1))
    ds = raydp.spark.spark_dataframe_to_ray_dataset(frame, parallelism=3)
    assert ds.num_blocks() == 3
    back = raydp._legacy.dataset.ray_dataset_to_spark_dataframe(spark, ds.schema(), ds.get_internal_block_refs())
    assert back.agg(F.sum("id")).first()[0] == 4950
    assert ray.data.from_spark(frame).to_spark(spark).count() == 100
    with pytest.warns(DeprecationWarning, match="owner"):
        owner = raydp.spark.get_raydp_master_owner(spark)
    with pytest.warns(DeprecationWarning, match="owner"):
        assert raydp.spark.spark_dataframe_to_ray_dataset(frame, owner=owner).count() == 100
    kept = raydp.spark.from_spark_recoverable(frame, StorageLevel.MEMORY_ONLY, 2)
    assert frame.is_cached
    raydp.spark.release_spark_recoverable(frame)
    assert not frame.is_cached
    assert kept.count() == 100
    assert raydp.utils.get_node_address() in {node["NodeManagerAddress"] for node in ray.nodes()}
    parts = raydp.utils.random_split(frame, [0.7, 0.3], seed=7)
    assert sum(part.count() for part in parts) == 100
    assert raydp.utils.df_type_check(frame)
    assert raydp.utils.convert_to_spark(frame) == (frame, True)


@pytest.mark.promised("RayDPSparkMaster", "InvalidArgumentError")
def test_the_spark_master_of_raydp_1_6_says_what_took_its_place() -> None:
    from raydp.spark.ray_cluster_master import RAYDP_SPARK_MASTER_SUFFIX, RayDPSparkMaster

    assert RAYDP_SPARK_MASTER_SUFFIX == "_SPARK_MASTER"
    with pytest.raises(InvalidArgumentError, match=r"raydp\.init_spark starts the driver's JVM"):
        RayDPSparkMaster("{}")


def test_read_spark_parquet(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = str(tmp_path_factory.mktemp("parquet") / "written")
    spark.range(1000).withColumn("k", F.col("id") % 2).write.partitionBy("k").parquet(folder)
    assert raydp.spark.read_spark_parquet(folder).count() == 1000
