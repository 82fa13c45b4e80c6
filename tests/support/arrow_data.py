"""Hypothesis strategies for Arrow types, schemas and tables, and a way to compare tables exactly.

``canonical`` types are the ones with a Spark type of their own; what Ray's blocks may hold besides is in
:mod:`.foreign_data`.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import string
from decimal import Context, Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from raydp._exchange.types.type_table import SCALAR_TYPES, ComesBack

__all__ = ["canonical_types", "column_names", "plain_rows", "rows_of", "values"]

_EXACT = Context(prec=60)
_MICROSECONDS_PER_DAY = 86_400_000_000
_YEAR_1, _YEAR_9999 = -719_162, 2_932_896  # days since 1970


def _simple_types() -> st.SearchStrategy[pa.DataType]:
    decimals = st.integers(1, 38).flatmap(lambda p: st.integers(0, p).map(lambda s: pa.decimal128(p, s)))
    usual = [row.arrow for row in SCALAR_TYPES if row.comes_back is ComesBack.BY_ARROW_TYPE]
    return st.sampled_from(usual) | decimals


def column_names() -> st.SearchStrategy[str]:
    """Names with letters, blanks, dots and quotes."""
    return st.text(string.ascii_lowercase + "_ äß.中`", min_size=1, max_size=6).filter(str.strip)


def _nested_types(children: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
    fields = st.lists(column_names(), min_size=1, max_size=3, unique_by=str.lower).flatmap(
        lambda names: st.tuples(*[children] * len(names)).map(
            lambda types: pa.struct([pa.field(*pair) for pair in zip(names, types, strict=True)])
        )
    )
    keys = st.sampled_from([pa.string(), pa.int32(), pa.int64(), pa.date32(), pa.binary()])
    return st.one_of(
        children.map(lambda child: pa.list_(pa.field("element", child))),
        fields,
        st.tuples(keys, children).map(lambda pair: pa.map_(*pair)),
    )


def canonical_types(max_leaves: int = 5) -> st.SearchStrategy[pa.DataType]:
    """Types that have a Spark type of their own, nested to any depth."""
    return st.recursive(_simple_types(), _nested_types, max_leaves=max_leaves)


def values(type_: pa.DataType, *, nulls: bool = True) -> st.SearchStrategy[Any]:
    """Values of a type, in the form that ``pa.array`` takes; temporal ones as numbers."""
    strategy = _values(type_)
    return st.none() | strategy if nulls else strategy


def _values(type_: pa.DataType) -> st.SearchStrategy[Any]:
    if pa.types.is_null(type_):
        return st.none()
    if pa.types.is_boolean(type_):
        return st.booleans()
    if pa.types.is_integer(type_):
        return _integers(type_)
    if pa.types.is_floating(type_):
        return _floats(type_)
    if pa.types.is_decimal(type_):
        limit = 10**type_.precision - 1
        return st.integers(-limit, limit).map(lambda unscaled: Decimal(unscaled).scaleb(-type_.scale, _EXACT))
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return st.text(max_size=12)
    if pa.types.is_fixed_size_binary(type_):
        return st.binary(min_size=type_.byte_width, max_size=type_.byte_width)
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_):
        return st.binary(max_size=12)
    if pa.types.is_date(type_):
        unit = 86_400_000 if type_ == pa.date64() else 1
        return st.integers(_YEAR_1, _YEAR_9999).map(lambda days: days * unit)
    if pa.types.is_timestamp(type_):
        return _timestamps(type_)
    if type_ == pa.time64("ns"):
        return st.integers(0, 86_400_000_000_000 - 1)
    if pa.types.is_duration(type_):
        return st.integers(-(2**63), 2**63 - 1)
    return _nested_values(type_)


def _nested_values(type_: pa.DataType) -> st.SearchStrategy[Any]:
    if pa.types.is_struct(type_):
        return st.fixed_dictionaries({field.name: values(field.type) for field in type_})
    if pa.types.is_map(type_):
        key = st.tuples(values(type_.key_type, nulls=False), values(type_.item_type))
        return st.lists(key, max_size=4, unique_by=lambda pair: pair[0])
    if pa.types.is_fixed_size_list(type_):
        return st.lists(values(type_.value_type), min_size=type_.list_size, max_size=type_.list_size)
    return st.lists(values(type_.value_type), max_size=4)


def _integers(type_: pa.DataType) -> st.SearchStrategy[int]:
    limits = np.iinfo(type_.to_pandas_dtype())
    # uint64 beyond int64 is refused, which has a test of its own.
    return st.integers(int(limits.min), min(int(limits.max), 2**63 - 1))


def _floats(type_: pa.DataType) -> st.SearchStrategy[Any]:
    floats = st.floats(width=type_.bit_width)
    return floats.map(np.float16) if type_ == pa.float16() else floats


def _timestamps(type_: pa.DataType) -> st.SearchStrategy[int]:
    if type_.unit == "ns":
        return st.integers(-(2**63) // 1000 + 1, 2**63 // 1000 - 1).map(lambda micros: micros * 1000)
    scale = {"s": 1_000_000, "ms": 1000, "us": 1}[type_.unit]
    low, high = _YEAR_1 * _MICROSECONDS_PER_DAY, (_YEAR_9999 + 1) * _MICROSECONDS_PER_DAY - 1
    reasonable = st.integers(math.ceil(low / scale), high // scale)
    return reasonable | st.integers(-(2**63), 2**63 - 1) if type_.unit == "us" else reasonable


def rows_of(table: pa.Table) -> list[str]:
    """Return rows as text, so that NaN equals itself, -0.0 differs from 0.0 and no time is out of range."""
    columns = [[value for chunk in column.chunks for value in _plain_values(chunk)] for column in table.columns]
    return [repr(dict(zip(table.column_names, row, strict=True))) for row in zip(*columns, strict=True)]


def _plain_values(array: pa.Array) -> list[Any]:
    """Values with times as numbers; without kernels on nested arrays, some of which have defects."""
    type_ = array.type
    if pa.types.is_null(type_):
        return [None] * len(array)
    if pa.types.is_temporal(type_):
        return array.view(pa.int32() if type_.bit_width == 32 else pa.int64()).to_pylist()
    if pa.types.is_struct(type_):
        names = [field.name for field in type_]
        fields = [_plain_values(array.field(index)) for index in range(type_.num_fields)]
        made = [dict(zip(names, row, strict=True)) for row in zip(*fields, strict=True)] or [{}] * len(array)
    elif pa.types.is_map(type_):
        # Spark's own toArrow counts untyped items of maps that are null, too.
        strict = not pa.types.is_null(type_.item_type)
        pairs = list(zip(_plain_values(array.keys), _plain_values(array.items), strict=strict))
        made = _sliced(pairs, array.offsets.to_pylist())
    elif pa.types.is_list(type_):
        made = _sliced(_plain_values(array.values), array.offsets.to_pylist())
    else:
        return array.to_pylist()
    return [value if valid else None for value, valid in zip(made, array.is_valid().to_pylist(), strict=True)]


def _sliced(values: list[Any], offsets: list[int]) -> list[Any]:
    return [values[start:end] for start, end in itertools.pairwise(offsets)]


def plain_rows(type_: pa.DataType) -> st.SearchStrategy[Any]:
    """Python values for ``spark.createDataFrame``, of times that Python and every time zone can hold."""
    if pa.types.is_date(type_):
        return st.none() | st.dates(dt.date(1900, 1, 1), dt.date(2200, 1, 1))
    if pa.types.is_timestamp(type_):
        moments = st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2200, 1, 1))  # noqa: DTZ001
        aware = moments.map(lambda moment: moment.replace(tzinfo=dt.UTC))
        return st.none() | (moments if type_.tz is None else aware)
    if type_ == pa.time64("ns"):
        return st.none() | st.times()
    if pa.types.is_duration(type_):
        return st.none() | st.timedeltas(dt.timedelta(days=-(10**6)), dt.timedelta(days=10**6))
    if pa.types.is_struct(type_):
        return st.none() | st.tuples(*[plain_rows(field.type) for field in type_])
    if pa.types.is_map(type_):
        keys = plain_rows(type_.key_type).filter(lambda key: key is not None)
        return st.none() | st.dictionaries(keys, plain_rows(type_.item_type), max_size=4)
    if pa.types.is_list(type_):
        return st.none() | st.lists(plain_rows(type_.value_type), max_size=4)
    return values(type_)
