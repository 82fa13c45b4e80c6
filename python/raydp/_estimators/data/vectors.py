"""Convert Spark's ML vectors to arrays of doubles, as which they cross to Ray, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import DataType, StructType

__all__ = ["restore_vectors_and_metadata", "select_vectors_as_arrays"]


def select_vectors_as_arrays(frame: DataFrame, columns: Sequence[str]) -> DataFrame:
    """Select columns of a DataFrame, with vectors as arrays of doubles."""
    from pyspark.sql import functions

    types = {field.name: field.dataType for field in frame.schema.fields}
    source, names = _with_distinct_names(frame)
    selected: list[Column] = []
    for name in columns:
        column = functions.col(_quoted(names[name]))
        selected.append(_to_array(column).alias(name) if _is_vector(types[name]) else _named(column, name, names))
    return source.select(selected)


def restore_vectors_and_metadata(frame: DataFrame, original: StructType) -> DataFrame:
    """Restore the vector types and the metadata of columns that went to Ray and back.

    Args:
        frame: The DataFrame that came back. Columns that ``original`` does not have are kept as they are.
        original: Schema of the DataFrame that was sent.
    """
    from pyspark.ml.functions import array_to_vector
    from pyspark.sql import functions

    fields = {field.name: field for field in original.fields}
    source, names = _with_distinct_names(frame)
    selected: list[Column] = []
    for name in frame.columns:
        column = _named(functions.col(_quoted(names[name])), name, names)
        field = fields.get(name)
        if field is not None:
            if _is_vector(field.dataType):
                column = functions.when(column.isNotNull(), array_to_vector(column))
            column = column.alias(name, metadata=field.metadata)
        selected.append(column)
    return source.select(selected)


def _with_distinct_names(frame: DataFrame) -> tuple[DataFrame, dict[str, str]]:
    """Return a frame whose columns can all be named, and the name that each has in it.

    Spark ignores case, unless the user sets ``spark.sql.caseSensitive``: it cannot tell ``x`` from ``X``.
    """
    names = frame.columns
    if len({name.lower() for name in names}) == len(names):
        return frame, dict(zip(names, names, strict=True))
    distinct = [f"c{index}" for index in range(len(names))]
    return frame.toDF(*distinct), dict(zip(names, distinct, strict=True))


def _named(column: Column, name: str, names: dict[str, str]) -> Column:
    # An alias that changes nothing would keep Spark from reading cached rows by column.
    return column if names[name] == name else column.alias(name)


def _to_array(column: Column) -> Column:
    from pyspark.ml.functions import vector_to_array
    from pyspark.sql import functions

    return functions.when(column.isNotNull(), vector_to_array(column))  # vector_to_array fails for nulls


def _is_vector(type_: DataType) -> bool:
    from pyspark.ml.linalg import VectorUDT

    return isinstance(type_, VectorUDT)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
