"""Errors of data that only a Spark task can find: they have their own type, and no task is run again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import ray
from py4j.protocol import Py4JJavaError
from pyspark.errors import ArithmeticException

import raydp
from raydp.errors import DataLossError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession


@pytest.fixture(scope="module")
def df(spark: SparkSession) -> Iterator[DataFrame]:
    """A DataFrame over a Dataset with a fraction of a microsecond, which Spark's timestamps cannot hold."""
    times = pa.table({"t": pa.array([1_000, 2_001], pa.timestamp("ns")), "n": [1, 2]})
    ds = ray.data.from_arrow(times)
    raydp.register(ds, "typed_times")
    yield raydp.to_spark(ds)
    raydp.unregister("typed_times")


ACTIONS: dict[str, Callable[[DataFrame, Path], Any]] = {
    "collect": lambda df, _: df.collect(),
    "collect of rows behind a shuffle": lambda df, _: df.groupBy("t").count().collect(),
    "first": lambda df, _: df.orderBy("t").first(),
    "foreach": lambda df, _: df.foreach(print),
    "mapInPandas": lambda df, _: df.mapInPandas(lambda frames: frames, df.schema).collect(),
    "rdd": lambda df, _: df.rdd.map(lambda row: row.t).collect(),
    "show": lambda df, _: df.show(),
    "sql": lambda df, _: df.sparkSession.sql("SELECT max(t) FROM ray.typed_times").collect(),
    "toLocalIterator": lambda df, _: list(df.toLocalIterator()),
    "toPandas": lambda df, _: df.toPandas(),
    "write": lambda df, folder: df.write.parquet(f"{folder}/times"),
    "from_spark": lambda df, _: raydp.from_spark(df),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.promised("from_spark", "DataLossError")
def test_every_action_raises_the_error_of_the_data_after_one_attempt(
    df: DataFrame, tmp_path: Path, action: str
) -> None:
    tracker = df.sparkSession.sparkContext.statusTracker()
    with pytest.raises(DataLossError, match=r"column 't', type timestamp\[ns\].*for example '1970.*002001'$") as caught:
        ACTIONS[action](df, tmp_path)
    assert isinstance(caught.value.__cause__, Py4JJavaError)
    assert "io.raydp.exchange.DataException" in str(caught.value.__cause__)
    stage = int(str(caught.value.__cause__).split("A task of stage ")[1].split(".")[0])
    info = tracker.getStageInfo(stage)
    assert info is not None and info.numFailedTasks == 1


def test_what_does_not_read_the_value_works(df: DataFrame) -> None:
    assert df.count() == 2
    assert [row.n for row in df.select("n").collect()] == [1, 2]


def test_other_errors_stay_what_pyspark_makes_of_them(spark: SparkSession) -> None:
    with pytest.raises(ArithmeticException):
        spark.sql("SELECT 1 / 0").collect()
    with pytest.raises(Py4JJavaError, match="ClassNotFoundException"):
        spark._jvm.java.lang.Class.forName("no.such.Class")
