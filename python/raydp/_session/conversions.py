"""``from_spark`` and ``to_spark``: between Spark DataFrames and Ray Datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ray.data
from pyspark import RDD

from raydp._configuration.arguments import check_whole_number, suggests_arguments
from raydp._ray.internals import Blocks, blocks_of_dataset
from raydp._session.exchanging import application_of, errors_of_stop, running_session
from raydp._session.rdds import dataframe_of_rdd, session_of_rdd
from raydp._spark.connect_internals import is_connect_dataframe
from raydp._spark.spark_versions import classic_dataframe_class
from raydp.errors import InvalidArgumentError, NotADataFrameError, SessionError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import DataType
    from ray.data.dataset import MaterializedDataset

__all__ = [
    "checked_dataset",
    "classic_dataframe",
    "convert",
    "dataframe_of_blocks",
    "from_spark",
    "spark_dataframe",
    "to_spark",
]

# What to call instead, by the library of the object that was given.
_WAYS_TO_SPARK = {
    "pandas": "For a pandas frame, call spark.createDataFrame(frame), or ray.data.from_pandas(frame) without Spark.",
    "polars": "For a polars frame, call ray.data.from_arrow(frame.to_arrow()).",
    "pyarrow": "For an Arrow table, call spark.createDataFrame(table), or ray.data.from_arrow(table) without Spark.",
    "ray": "This is Ray's already; raydp.to_spark(ds) converts a Dataset to Spark.",
}
_WAYS_TO_RAY = {
    "pandas": "For a pandas frame, call spark.createDataFrame(frame), or ray.data.from_pandas(frame) for Ray. ",
    "polars": "For a polars frame, call ray.data.from_arrow(frame.to_arrow()). ",
    "pyarrow": "For an Arrow table, call spark.createDataFrame(table), or ray.data.from_arrow(table) for Ray. ",
    "pyspark": "This is Spark's already; raydp.from_spark(df) converts a DataFrame to Ray. ",
}


@suggests_arguments(parallelism="num_blocks", override_num_blocks="num_blocks", num_partitions="num_blocks")
def from_spark(
    df: DataFrame | RDD[Any],
    schema: DataType | str | Sequence[str] | None = None,
    *,
    num_blocks: int | None = None,
    tensor_columns: Collection[str] | Mapping[str, tuple[int, ...]] | None = None,
) -> MaterializedDataset[Any]:
    """Convert a Spark DataFrame, or an RDD of rows, to a Ray Dataset.

    Runs the DataFrame's plan once and copies its rows through shared memory into Ray's object store, as Arrow
    tables in the order of the DataFrame's partitions. This process owns the blocks: they outlive the
    executors and :func:`raydp.stop_spark`, and are freed with the Dataset. If a node of the cluster is lost, Spark
    recomputes its blocks when they are next read, until the application stops. To turn that off, start the
    application with ``fault_tolerant_mode=False``.

    Args:
        df: A DataFrame (or a pandas-on-Spark frame) of the running session on Ray, or of a Spark Connect session;
            or an RDD of the running session's context, whose elements are Rows, named tuples, dicts, tuples, objects or
            one-dimensional NumPy arrays.
        schema: The columns of an RDD, as ``spark.createDataFrame(rdd, schema)`` takes them: a type, its DDL such as
            ``"name string, age int"``, or the names of the columns. Without types, a small job reads the first rows to
            infer them, as ``rdd.toDF()`` does. A row that does not fit the types fails the conversion.
        num_blocks: Number of blocks. The default makes blocks of ``spark.raydp.exchange.blockSize`` (64 MiB), and at
            least one for each partition that has rows.
        tensor_columns: Columns to convert to tensor columns, which Ray Data passes to NumPy, Torch and TensorFlow
            as one array of shape (rows, ...). The default is all of Spark's vectors and matrices; arrays of numbers
            can be named, too. Vectors and matrices that are not named stay structs, as Spark stores them. All rows
            of a column need the same shape. It is read from the data, or given in a dict of shapes by name. A null
            row becomes NaN.

    Returns:
        The Dataset, materialized.

    Raises:
        NotADataFrameError: ``df`` is neither a DataFrame nor an RDD.
        InvalidArgumentError: ``num_blocks`` is not a positive number, column names repeat, ``tensor_columns`` names a
            column that cannot be a tensor column, or ``schema`` is wrong, or missing for an empty RDD.
        UnsupportedTypeError: A column has a type that Arrow blocks cannot hold, or the elements of an RDD are no rows;
            no conversion was started.
        DataLossError: The rows of a tensor column differ in shape, or contain nulls.
        SessionError: The session was stopped, or is not on Ray.
        ClusterError: The session uses Spark Connect, and this process is not connected to Ray.
        ExchangeError: The conversion failed, for example because a node died.
    """
    if isinstance(df, RDD):
        df = _dataframe_of(df, schema, num_blocks)
    elif schema is not None:
        raise InvalidArgumentError(
            "schema is for RDDs. A DataFrame has its own columns; use select, cast or toDF to change them. To set the "
            f"number of blocks, pass num_blocks. Got schema: {schema!r}"
        )
    return convert(df, num_blocks=num_blocks, tensor_columns=tensor_columns)


def _dataframe_of(rdd: RDD[Any], schema: Any, num_blocks: Any) -> DataFrame:
    """Return an RDD as a DataFrame, after all checks that need no job."""
    if num_blocks is not None:
        check_whole_number("num_blocks", num_blocks)
    session = session_of_rdd(rdd)
    application = application_of(session)
    with errors_of_stop(application):
        return dataframe_of_rdd(session, rdd, schema)


def convert(
    df: DataFrame,
    *,
    num_blocks: int | None,
    tensor_columns: Collection[str] | Mapping[str, tuple[int, ...]] | None = None,
    keep_lineage: bool | None = None,
) -> MaterializedDataset[Any]:
    """Convert a DataFrame to a Dataset.

    Args:
        df: As for :func:`from_spark`, like the following two.
        num_blocks: The number of blocks.
        tensor_columns: The tensor columns.
        keep_lineage: Whether Spark recomputes lost blocks; ``None``: what the application's settings say.
    """
    frame = spark_dataframe(df)
    if num_blocks is not None:
        num_blocks = check_whole_number("num_blocks", num_blocks)
    application = application_of(frame.sparkSession)
    with errors_of_stop(application):
        return application.exchange.from_spark(
            frame, num_blocks=num_blocks, tensor_columns=tensor_columns, keep_lineage=keep_lineage
        )


@suggests_arguments(session="spark", spark_session="spark", dataset="ds")
def to_spark(ds: ray.data.Dataset, spark: SparkSession | None = None) -> DataFrame:
    """Convert a Ray Dataset to a Spark DataFrame.

    The blocks stay where they are. Spark's tasks read the columns that they need, each time that the
    DataFrame is used. The blocks are kept until the DataFrame and everything derived from it is gone.

    Args:
        ds: The Dataset. It is executed if it was not executed yet.
        spark: The session on Ray, or of Spark Connect; the running one by default.

    Returns:
        A DataFrame with the Dataset's columns.

    Raises:
        NotADataFrameError: ``ds`` is not a Ray Dataset.
        InvalidArgumentError: The Dataset has no columns, or two of the same name.
        UnsupportedTypeError: A column has a type that Spark cannot hold.
        SessionError: No session on Ray runs, or ``spark`` is a different session.
        ClusterError: The session uses Spark Connect, and this process is not connected to Ray.
    """
    dataset = checked_dataset("to_spark", ds)
    session = spark if spark is not None else running_session()
    application = application_of(session)
    with errors_of_stop(application):
        return application.exchange.to_spark(session, blocks_of_dataset(dataset))


def dataframe_of_blocks(spark: SparkSession, schema: pa.Schema | None, refs: Sequence[ray.ObjectRef[Any]]) -> DataFrame:
    """Convert blocks of a Ray Dataset to a Spark DataFrame; ``Dataset.to_spark`` of Ray Data uses this.

    Args:
        spark: The session on Ray.
        schema: Arrow schema of the blocks; ``None``: they are read for it.
        refs: The blocks.
    """
    application = application_of(spark)
    with errors_of_stop(application):
        return application.exchange.to_spark(spark, Blocks.of_refs(refs, schema))


def checked_dataset(function: str, ds: Any) -> ray.data.Dataset:
    """Return ``ds`` if it is a Dataset, or raise the error that names the function which needs one."""
    if not isinstance(ds, ray.data.Dataset):
        raise NotADataFrameError(
            f"{function} takes a ray.data.Dataset. {_WAYS_TO_RAY.get(_library_of(ds), '')}"
            f"Got {type(ds).__name__}: {ds!r}"
        )
    return ds


def spark_dataframe(df: Any) -> DataFrame:
    """Return the DataFrame behind ``df``, classic or of Spark Connect, or raise the error that says what is wrong."""
    if is_connect_dataframe(df):
        frame: DataFrame = df
        return frame
    if type(df).__module__.startswith("pyspark.pandas"):
        return spark_dataframe(df.to_spark())
    return classic_dataframe(df)


def classic_dataframe(df: Any) -> DataFrame:
    """Return the classic Spark DataFrame behind ``df``, or raise the error that says what is wrong."""
    if isinstance(df, classic_dataframe_class()):
        return df
    kind = type(df).__module__
    if kind.startswith("pyspark.sql.connect"):
        raise SessionError(
            "This function of RayDP 1.6 takes no DataFrame of Spark Connect. Call raydp.from_spark(df); "
            f"got {kind}.{type(df).__name__}"
        )
    if kind.startswith("pyspark.pandas"):
        return classic_dataframe(df.to_spark())
    raise NotADataFrameError(  # in the words of RayDP 1.6
        f"The type: {type(df)} is not supported, only support pyspark.sql.DataFrame and pyspark.pandas.DataFrame. "
        f"{_way_to_spark(df)}".strip()
    )


def _way_to_spark(thing: Any) -> str:
    if isinstance(thing, RDD):
        return "For an RDD, call rdd.toDF(), or raydp.from_spark(rdd, schema=...) for a Dataset."
    return _WAYS_TO_SPARK.get(_library_of(thing), "")


def _library_of(thing: Any) -> str:
    return type(thing).__module__.partition(".")[0]
