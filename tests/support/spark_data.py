"""Hypothesis strategies for Spark types, also those that share an Arrow type with others, and Python values of them.

Every type of the product's table takes part. If it does not have the values of its Arrow type, :func:`spark_rows` makes
them.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from pyspark.ml.linalg import DenseVector, MatrixUDT, SparseVector, VectorUDT
from pyspark.sql import types as T

from raydp._exchange.types.spark_types import to_arrow_schema
from raydp._exchange.types.type_table import SCALAR_TYPES, ComesBack
from support.arrow_data import column_names, plain_rows

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["schemas", "spark_rows", "spark_types"]

# PySpark neither takes nor gives values of these.
_WITHOUT_VALUES = [
    T.TimeType(0),
    T.DayTimeIntervalType(0),
    T.YearMonthIntervalType(),
    T.YearMonthIntervalType(0),
    T.YearMonthIntervalType(1),
    T.CalendarIntervalType(),
    MatrixUDT(),
]
_IN_TABLE = [
    getattr(T, row.spark)(*row.usual_parameters) for row in SCALAR_TYPES if row.comes_back is not ComesBack.AS_ANOTHER
]
_WITH_VALUES = [
    *[type_ for type_ in _IN_TABLE if type_ not in _WITHOUT_VALUES],
    *[T.StringType(collation) for collation in ("UNICODE", "UNICODE_CI", "UTF8_LCASE")],
    *[T.TimeType(digits) for digits in (6, 7)],
    T.DayTimeIntervalType(1, 3),
    T.DayTimeIntervalType(3),
    VectorUDT(),
]
_KEYS = [T.StringType(), T.StringType("UNICODE"), T.LongType(), T.TimeType(6)]
_VARIANTS = ["1", '"text"', "null", '{"a": [1, 2.5, null]}', "true"]


def spark_types(*, with_values: bool = False, max_leaves: int = 5) -> st.SearchStrategy[T.DataType]:
    """Types at any depth; only those of which :func:`spark_rows` knows values, if asked."""
    decimals = st.integers(1, 38).flatmap(lambda p: st.integers(0, p).map(lambda s: T.DecimalType(p, s)))
    leaves = st.sampled_from([*_WITH_VALUES, *([] if with_values else _WITHOUT_VALUES)]) | decimals
    return st.recursive(leaves, _nested, max_leaves=max_leaves)


def _nested(children: st.SearchStrategy[T.DataType]) -> st.SearchStrategy[T.DataType]:
    return st.one_of(
        children.map(T.ArrayType),
        schemas(children),
        st.tuples(st.sampled_from(_KEYS), children).map(lambda pair: T.MapType(*pair)),
    )


def schemas(types: st.SearchStrategy[T.DataType], max_fields: int = 3) -> st.SearchStrategy[T.StructType]:
    """Structs, some of whose fields have metadata."""
    # A comment that is no text is more than Spark's own data sources can plan.
    texts = st.text(max_size=3)
    metadata = st.fixed_dictionaries({}, optional={"comment": texts, "ml_attr": texts | st.integers(0, 9)})
    return st.lists(column_names(), min_size=1, max_size=max_fields, unique_by=str.lower).flatmap(
        lambda names: st.tuples(
            *[st.builds(T.StructField, st.just(name), types, st.just(value=True), metadata) for name in names]
        ).map(lambda fields: T.StructType(list(fields)))
    )


def spark_rows(type_: T.DataType) -> st.SearchStrategy[Any]:
    """Python values for ``spark.createDataFrame``."""
    if isinstance(type_, T.ArrayType):
        return st.none() | st.lists(spark_rows(type_.elementType), max_size=4)
    if isinstance(type_, T.MapType):
        keys = spark_rows(type_.keyType).filter(lambda key: key is not None)
        return st.none() | st.dictionaries(keys, spark_rows(type_.valueType), max_size=4)
    if isinstance(type_, T.StructType):
        return st.none() | st.tuples(*[spark_rows(field.dataType) for field in type_])
    if isinstance(type_, VectorUDT):
        numbers = st.floats(allow_nan=False)
        dense = st.lists(numbers, max_size=4).map(DenseVector)
        sparse = st.dictionaries(st.integers(0, 6), numbers, max_size=3).map(lambda found: SparseVector(7, found))
        return st.none() | dense | sparse
    if isinstance(type_, T.VariantType):
        return st.none() | st.sampled_from(_VARIANTS).map(T.VariantVal.parseJson)
    if isinstance(type_, T.DayTimeIntervalType):
        return st.none() | st.timedeltas(dt.timedelta(days=-(10**6)), dt.timedelta(days=10**6))
    return plain_rows(_arrow_type(type_))


def _arrow_type(type_: T.DataType) -> pa.DataType:
    return to_arrow_schema(T.StructType([T.StructField("c", type_)])).field("c").type
