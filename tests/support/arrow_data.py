"""Hypothesis strategies for Arrow types, schemas and tables, and a way to compare tables exactly.

``canonical`` types are the ones with a Spark type of their own; ``foreign`` ones are what Ray's blocks may
hold besides, together with the canonical type that they must become.
"""

from __future__ import annotations

import datetime as dt
import math
import string
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

__all__ = [
    "FOREIGN_TYPES",
    "Blocks",
    "blocks",
    "canonical_types",
    "foreign_types",
    "plain_rows",
    "rows_of",
    "tables",
    "values",
]

_EXACT = Context(prec=60)
_MICROSECONDS_PER_DAY = 86_400_000_000
_YEAR_1, _YEAR_9999 = -719_162, 2_932_896  # days since 1970
_TEMPORAL_AS_NUMBER = {pa.date32(): pa.int32(), pa.date64(): pa.int64()}

# Found type -> canonical type.
FOREIGN_TYPES: dict[pa.DataType, pa.DataType] = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.int64(),
    pa.float16(): pa.float32(),
    pa.large_string(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary(3): pa.binary(),
    pa.date64(): pa.date32(),
    pa.decimal32(9, 2): pa.decimal128(9, 2),
    pa.decimal64(18, 4): pa.decimal128(18, 4),
    pa.timestamp("s"): pa.timestamp("us"),
    pa.timestamp("ms"): pa.timestamp("us"),
    pa.timestamp("ns"): pa.timestamp("us"),
    pa.timestamp("s", "Europe/Berlin"): pa.timestamp("us", "UTC"),
    pa.timestamp("us", "Asia/Tokyo"): pa.timestamp("us", "UTC"),
    pa.timestamp("ns", "UTC"): pa.timestamp("us", "UTC"),
}


def _simple_types() -> st.SearchStrategy[pa.DataType]:
    decimals = st.integers(1, 38).flatmap(lambda p: st.integers(0, p).map(lambda s: pa.decimal128(p, s)))
    return st.one_of(
        st.sampled_from(
            [
                pa.bool_(),
                pa.int8(),
                pa.int16(),
                pa.int32(),
                pa.int64(),
                pa.float32(),
                pa.float64(),
                pa.string(),
                pa.binary(),
                pa.date32(),
                pa.timestamp("us", "UTC"),
                pa.timestamp("us"),
                pa.null(),
            ]
        ),
        decimals,
    )


def _names() -> st.SearchStrategy[str]:
    return st.text(string.ascii_lowercase + "_ äß.中`", min_size=1, max_size=6).filter(str.strip)


def _nested_types(children: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
    fields = st.lists(_names(), min_size=1, max_size=3, unique_by=str.lower).flatmap(
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


def foreign_types() -> st.SearchStrategy[tuple[pa.DataType, pa.DataType]]:
    """Pairs of a type of Ray's blocks and the canonical type that it must become."""
    leaf = st.sampled_from(sorted(FOREIGN_TYPES.items(), key=str))
    return st.one_of(
        leaf,
        leaf.map(lambda pair: (pa.list_(pair[0]), pa.list_(pair[1]))),
        leaf.map(lambda pair: (pa.large_list(pair[0]), pa.list_(pair[1]))),
        leaf.map(lambda pair: (pa.list_(pair[0], 2), pa.list_(pair[1]))),
        leaf.map(lambda pair: (pa.struct([("a", pair[0])]), pa.struct([("a", pair[1])]))),
        leaf.map(lambda pair: (pa.map_(pa.large_string(), pair[0]), pa.map_(pa.string(), pair[1]))),
    )


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


@st.composite
def tables(draw: st.DrawFn, schema: pa.Schema, max_rows: int = 12) -> pa.Table:
    """A table in one to three chunks, some of which are slices of longer arrays."""
    chunks = []
    for _ in range(draw(st.integers(1, 3))):
        rows = draw(st.integers(0, max_rows))
        skip = draw(st.sampled_from([0, 0, 1, 3]))
        columns = [
            pa.array(draw(st.lists(values(field.type), min_size=rows + skip, max_size=rows + skip)), field.type)
            for field in schema
        ]
        chunks.append(pa.RecordBatch.from_arrays(columns, schema=schema).slice(skip))
    return pa.Table.from_batches(chunks, schema)


@dataclass(frozen=True)
class Blocks:
    """Blocks of one Dataset: their schema, the canonical schema that it must become, and the tables."""

    schema: pa.Schema
    canonical: pa.Schema
    tables: list[pa.Table]

    @property
    def expected(self) -> pa.Table:
        """All rows, in the canonical schema."""
        return _unsliced(pa.concat_tables([self.schema.empty_table(), *self.tables])).cast(self.canonical)


@st.composite
def blocks(draw: st.DrawFn, *, foreign: bool = False, max_blocks: int = 4) -> Blocks:
    """Up to four blocks of one random schema, blocks without rows included."""
    names = draw(st.lists(_names(), min_size=1, max_size=4, unique_by=str.lower))
    pairs = [
        draw(foreign_types()) if foreign else (lambda type_: (type_, type_))(draw(canonical_types())) for _ in names
    ]
    schema = pa.schema([(name, found) for name, (found, _) in zip(names, pairs, strict=True)])
    canonical = pa.schema([(name, wanted) for name, (_, wanted) in zip(names, pairs, strict=True)])
    count = draw(st.integers(1, max_blocks))
    return Blocks(schema, canonical, [draw(tables(schema)) for _ in range(count)])


def rows_of(table: pa.Table) -> list[str]:
    """Return rows as text, so that NaN equals itself, -0.0 differs from 0.0 and no time is out of range."""
    numbers = pa.schema([pa.field(field.name, _as_numbers(field.type)) for field in table.schema])
    return [repr(row) for row in _unsliced(table).cast(numbers).to_pylist()]


def _unsliced(table: pa.Table) -> pa.Table:
    # Arrow's cast breaks slices of structs that hold columns of type null.
    return table.take(pa.array(range(table.num_rows), pa.int64()))


def _as_numbers(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(type_):
        return pa.int64()
    if pa.types.is_struct(type_):
        return pa.struct([pa.field(field.name, _as_numbers(field.type)) for field in type_])
    if pa.types.is_map(type_):
        return pa.map_(_as_numbers(type_.key_type), _as_numbers(type_.item_type))
    if pa.types.is_list(type_):
        return pa.list_(_as_numbers(type_.value_type))
    return _TEMPORAL_AS_NUMBER.get(type_, type_)


def plain_rows(type_: pa.DataType) -> st.SearchStrategy[Any]:
    """Python values for ``spark.createDataFrame``, of times that Python and every time zone can hold."""
    if pa.types.is_date(type_):
        return st.none() | st.dates(dt.date(1900, 1, 1), dt.date(2200, 1, 1))
    if pa.types.is_timestamp(type_):
        moments = st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2200, 1, 1))  # noqa: DTZ001
        aware = moments.map(lambda moment: moment.replace(tzinfo=dt.UTC))
        return st.none() | (moments if type_.tz is None else aware)
    if pa.types.is_struct(type_):
        return st.none() | st.tuples(*[plain_rows(field.type) for field in type_])
    if pa.types.is_map(type_):
        keys = plain_rows(type_.key_type).filter(lambda key: key is not None)
        return st.none() | st.dictionaries(keys, plain_rows(type_.item_type), max_size=4)
    if pa.types.is_list(type_):
        return st.none() | st.lists(plain_rows(type_.value_type), max_size=4)
    return values(type_)
