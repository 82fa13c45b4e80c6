"""DataFrames of RDDs, for ``from_spark``: which columns an RDD has, and its rows without NumPy's types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.errors import ParseException, PySparkTypeError, PySparkValueError
from pyspark.sql.types import ArrayType, DataType, Row, StructField, StructType

from raydp._spark import internals as _spark_internals
from raydp._spark.spark_versions import condition_of
from raydp.errors import InvalidArgumentError, SessionError, UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark import RDD
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["dataframe_of_rdd", "session_of_rdd"]

_SAMPLE_ROWS = 100
"""How many rows Spark looks at if the first one has nulls."""

_FRAMES = {
    "pandas": "For pandas frames, call rdd.flatMap(lambda frame: frame.to_dict('records')) first",
    "polars": "For polars frames, call rdd.flatMap(lambda frame: frame.to_dicts()) first",
    "pyarrow": "For Arrow tables, call rdd.flatMap(lambda table: table.to_pylist()) first",
    "torch": "For tensors, call rdd.map(lambda tensor: {'value': tensor.numpy()}) first",
}
"""What to do with elements that are no rows, by their library."""


def session_of_rdd(rdd: RDD[Any]) -> SparkSession:
    """Return a session of an RDD's application; a new one if the program has only made a ``SparkContext``.

    Raises:
        SessionError: The context of the RDD was stopped.
    """
    from pyspark.sql import SparkSession

    context = rdd.context
    if not _spark_internals.is_active(context):
        raise SessionError(
            "This RDD belongs to a SparkContext that was stopped. Create it with the running one, "
            "spark.sparkContext, or call raydp.from_spark before the application is stopped"
        )
    session = _spark_internals.instantiated_session()
    if session is not None and session.sparkContext is context:
        return session
    return SparkSession(context)


def dataframe_of_rdd(session: SparkSession, rdd: RDD[Any], schema: Any) -> DataFrame:
    """Return the rows of an RDD as a DataFrame, as ``session.createDataFrame(rdd, schema)`` does.

    NumPy's arrays and numbers become what Python has for them. Each row is compared with the schema, also if the
    schema was inferred from other rows. (Spark turns what does not fit an inferred type into null.)

    Args:
        session: A session of the RDD's application.
        rdd: Rows, named tuples, dicts, objects, tuples, lists or NumPy arrays; values, if ``schema`` is not a struct.
        schema: A type, its DDL, the names of the columns, or ``None``. The last two run a small job.

    Raises:
        InvalidArgumentError: ``schema`` is none of these, or it is needed because the RDD is empty.
        UnsupportedTypeError: The elements are no rows, or Spark has no type for their values.
    """
    if schema is None or isinstance(schema, (list, tuple)):
        names = None if schema is None else _checked_names(schema)
        inferred = _infer_type(session, rdd)
        frame = session.createDataFrame(rdd.map(_row_maker(inferred)), inferred)
        return frame if names is None else _rename(frame, names)
    type_ = _parsed(schema)
    if isinstance(type_, StructType):
        return session.createDataFrame(rdd.map(_row_maker(type_)), type_)
    return session.createDataFrame(rdd.map(_single_value_maker()), StructType([StructField("value", type_)]))


def _parsed(schema: Any) -> DataType:
    if isinstance(schema, DataType):
        return schema
    if not isinstance(schema, str):
        raise InvalidArgumentError(
            "schema takes a pyspark.sql.types.StructType, a DDL string such as 'name string, age int', or the names of "
            f"the columns. To set the number of blocks, pass num_blocks. Got {type(schema).__name__}: {schema!r}"
        )
    try:
        return DataType.fromDDL(schema)
    except ParseException as error:
        raise InvalidArgumentError(
            f"schema is not a list of columns and types, such as 'name string, age int'. Spark says: {error}"
        ) from error


def _checked_names(schema: Sequence[Any]) -> list[str]:
    names = list(schema)
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong or not names:
        raise InvalidArgumentError(
            "A list as schema has the names of the columns. For types as well, pass 'name string, age int' or a "
            f"StructType. Got: {schema!r}"
        )
    return names


def _rename(frame: DataFrame, names: list[str]) -> DataFrame:
    found = frame.columns
    if len(names) > len(found):
        raise InvalidArgumentError(
            f"schema has more names than the RDD's rows have columns. Names: {', '.join(names)}; columns: {len(found)}"
        )
    return frame.toDF(*names, *found[len(names) :])


def _infer_type(session: SparkSession, rdd: RDD[Any]) -> StructType:
    first = rdd.take(1)
    if not first:
        raise InvalidArgumentError(
            "This RDD is empty, so its columns are unknown. Pass them: raydp.from_spark(rdd, schema='name string, age "
            "int')"
        )
    _check_row(first[0])
    try:
        try:
            return _type_of(session, first)
        except PySparkValueError as error:  # nulls
            if condition_of(error) != "CANNOT_DETERMINE_TYPE":
                raise
        return _type_of(session, rdd.take(_SAMPLE_ROWS))
    except (PySparkTypeError, PySparkValueError) as error:
        raise UnsupportedTypeError(
            "Spark cannot infer the columns of this RDD from its first rows. Pass them: raydp.from_spark(rdd, "
            f"schema='name string, age int'). Spark says: {error}; first row: {_shown(first[0])}"
        ) from error


def _type_of(session: SparkSession, rows: list[Any]) -> StructType:
    plain = _value_maker()
    made = session.createDataFrame([_fields(plain(row)) for row in rows])
    return made.schema


def _fields(row: Any) -> Any:
    """Return an object's attributes, without NumPy's types; other rows as they are."""
    is_object = not isinstance(row, (dict, list, tuple))
    return _value_maker()(vars(row)) if is_object else row


def _check_row(row: Any) -> None:
    """Raise the error that says what to do with elements that are no rows."""
    library = type(row).__module__.partition(".")[0]
    if library == "numpy":
        if getattr(row, "ndim", 0) > 1:
            raise _no_row(
                row,
                "An array with several dimensions may be one value or several rows. For one value per row, call "
                "rdd.map(lambda array: {'value': array}) first. For its rows, call rdd.flatMap(lambda array: array)",
            )
        if getattr(row, "ndim", 0) == 1 or getattr(getattr(row, "dtype", None), "names", None):
            _check_size(row, len(row))
            return
    elif library in _FRAMES:
        raise _no_row(row, _FRAMES[library])
    elif isinstance(row, (dict, list, tuple)):
        _check_size(row, len(row))
        return
    elif getattr(row, "__dict__", None) and not hasattr(row, "__UDT__"):  # a vector is a value
        return
    raise _no_row(
        row,
        "For single values, pass their type, for example schema='bigint', or call rdd.map(lambda value: "
        "{'value': value}) first",
    )


def _check_size(row: Any, columns: int) -> None:
    if columns == 0:
        raise _no_row(row, "A row needs at least one column")


def _no_row(row: Any, advice: str) -> UnsupportedTypeError:
    kind = type(row)
    return UnsupportedTypeError(
        "The elements of this RDD are no rows. from_spark takes RDDs of Rows, named tuples, dicts, tuples and "
        f"one-dimensional NumPy arrays. {advice}. First element, of type {kind.__module__}.{kind.__qualname__}: "
        f"{_shown(row)}"
    )


def _shown(row: Any, longest: int = 200) -> str:
    text = repr(row)
    return text if len(text) <= longest else f"{text[:longest]}..."


def _row_maker(schema: StructType) -> Callable[[Any], Any]:
    """Return a function that makes what Spark takes as a row of a schema, for Spark's Python workers.

    If the schema is one column of arrays, NumPy arrays with as many dimensions are its values. Other arrays are rows.
    It is a nested function, so it is pickled by value: the workers of an attached application need not have raydp.
    """
    plain = _value_maker()
    names = frozenset(schema.names)
    dimensions = _dimensions(schema[0].dataType) if len(schema) == 1 else 0

    def make_row(row: Any) -> Any:
        if dimensions and type(row).__module__.partition(".")[0] == "numpy" and row.ndim == dimensions:
            return (plain(row),)
        made = plain(row)
        if isinstance(made, (dict, tuple, list)) or not hasattr(made, "__dict__"):
            return made  # Spark checks it
        if names.isdisjoint(vars(made)):
            kind = f"{type(made).__module__}.{type(made).__qualname__}"
            message = f"An element of this RDD is no row: it has none of the columns {sorted(names)}. Type: {kind}"
            raise TypeError(message)
        return plain(vars(made))

    return make_row


def _single_value_maker() -> Callable[[Any], tuple[Any]]:
    plain = _value_maker()
    return lambda value: (plain(value),)


def _dimensions(type_: DataType) -> int:
    return 1 + _dimensions(type_.elementType) if isinstance(type_, ArrayType) else 0


def _value_maker() -> Callable[[Any], Any]:
    """Return a function that replaces NumPy's types in a value by Python's; pickled by value, as the one above."""
    simple = frozenset((bool, int, float, str, bytes, bytearray, type(None)))

    def plain(value: Any) -> Any:
        kind = type(value)
        if kind in simple:
            return value
        if isinstance(value, tuple):
            values = [plain(one) for one in value]
            if hasattr(value, "__fields__"):
                return Row(*value.__fields__)(*values)
            return kind._make(values) if hasattr(kind, "_make") else tuple(values)
        if isinstance(value, list):
            return [plain(one) for one in value]
        if isinstance(value, dict):
            return {plain(key): plain(one) for key, one in value.items()}
        if kind.__module__.partition(".")[0] == "numpy" and hasattr(value, "tolist"):
            return of_numpy(value)
        return value

    def of_numpy(value: Any) -> Any:
        dtype = value.dtype
        if dtype.names is not None and value.ndim == 0:
            return Row(*dtype.names)(*[plain(value[name]) for name in dtype.names])
        if dtype.names is not None or dtype.kind == "O":
            return plain(value.item()) if value.ndim == 0 else [plain(one) for one in value]
        return in_microseconds(value).tolist() if dtype.kind in "mM" else value.tolist()

    def in_microseconds(value: Any) -> Any:
        import numpy as np

        if np.datetime_data(value.dtype)[0] not in {"ns", "ps", "fs", "as"}:
            return value
        rounded = value.astype(f"{value.dtype.kind}8[us]")
        if np.any((rounded.astype(value.dtype) != value) & ~np.isnat(value)):
            message = f"A time has nanoseconds, and Spark's times have microseconds. Round it first: {value!r}"
            raise ValueError(message)
        return rounded

    return plain
