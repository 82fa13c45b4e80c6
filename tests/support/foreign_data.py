"""Hypothesis strategies for what Ray's blocks may hold besides canonical types, and what must become of it.

A column is drawn as the values that Spark must see; from them it is laid out in the type that is found.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st
from ray.data.extensions import ArrowTensorType, ArrowTensorTypeV2, ArrowVariableShapedTensorType

from raydp._exchange.types.type_table import CALENDAR_INTERVAL
from support.arrow_data import canonical_types, column_names, values

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FOREIGN_KINDS", "Blocks", "Kind", "blocks", "can_be_stored", "kinds"]


@dataclass(frozen=True)
class Kind:
    """A type of Ray's blocks.

    Attributes:
        found: The type.
        canonical: What it must become.
        lay_out: Makes an array of the found type from the values of the canonical one.
        contents: The values to draw, nulls aside; of the canonical type by default.
    """

    found: pa.DataType
    canonical: pa.DataType
    lay_out: Callable[[list[Any]], pa.Array]
    contents: st.SearchStrategy[Any] | None = None
    nulls: bool = True

    def rows(self, size: int) -> st.SearchStrategy[list[Any]]:
        """Columns of a length."""
        contents = values(self.canonical, nulls=False) if self.contents is None else self.contents
        has_nulls = self.nulls and not pa.types.is_null(self.canonical)
        return st.lists(st.none() | contents if has_nulls else contents, min_size=size, max_size=size)


def _plain(found: pa.DataType, canonical: pa.DataType, contents: st.SearchStrategy[Any] | None = None) -> Kind:
    return Kind(found, canonical, lambda rows: pa.array(rows, found), contents)


def _scaled(found: pa.DataType, canonical: pa.DataType, units: int) -> Kind:
    """Times in a coarser (``units`` canonical ones each) or, negative, finer unit."""
    limit = 2**62 // abs(units)
    low, high = (0, 86_400 * 10**9 // units - 1) if pa.types.is_time(found) else (-limit, limit)
    if pa.types.is_timestamp(found):
        low, high = max(low, -(6 * 10**16) // abs(units)), min(high, 25 * 10**16 // abs(units))

    def lay_out(rows: list[Any]) -> pa.Array:
        scaled = [None if row is None else row // units if units > 0 else row * -units for row in rows]
        return pa.array(scaled, found)

    return Kind(found, canonical, lay_out, st.integers(low, high).map(lambda value: value * max(units, 1)))


def _dictionary(index: pa.DataType, kind: Kind) -> Kind:
    def lay_out(rows: list[Any]) -> pa.Array:
        # Backwards, with a null among the values and one that nobody refers to.
        indices = [None if number % 3 == 2 and row is None else len(rows) - number for number, row in enumerate(rows)]
        return pa.DictionaryArray.from_arrays(pa.array(indices, index), kind.lay_out([None, *reversed(rows)]))

    return Kind(pa.dictionary(index, kind.found), kind.canonical, lay_out, kind.contents)


def _runs(kind: Kind) -> Kind:
    def lay_out(rows: list[Any]) -> pa.Array:
        runs = [(value, len(list(group))) for value, group in itertools.groupby(rows, key=repr)]
        firsts = np.cumsum([0, *(length for _, length in runs)])
        ends = pa.array(firsts[1:].astype(np.int32))
        return pa.RunEndEncodedArray.from_arrays(ends, kind.lay_out([rows[first] for first in firsts[:-1]]))

    return Kind(pa.run_end_encoded(pa.int32(), kind.found), kind.canonical, lay_out, kind.contents)


def _list_view(kind: Kind) -> Kind:
    def lay_out(rows: list[Any]) -> pa.Array:
        # Lists in reverse order, each followed by a value that is in none.
        starts, flat = [], []
        for row in reversed(rows):
            starts.append(len(flat))
            flat += [*(row or []), *(row or [])[:1]]
        sizes = [len(row or []) for row in rows]
        validity = pa.array([row is not None for row in rows]).buffers()[1] if rows else None
        buffers = [validity, *(pa.array(part, pa.int32()).buffers()[1] for part in (starts[::-1], sizes))]
        return pa.Array.from_buffers(pa.list_view(kind.found), len(rows), buffers, children=[kind.lay_out(flat)])

    return Kind(pa.list_view(kind.found), pa.list_(kind.canonical), lay_out, _lists_of(kind))


def _lists_of(kind: Kind, size: int | None = None) -> st.SearchStrategy[Any]:
    element = values(kind.canonical, nulls=False) if kind.contents is None else kind.contents
    element = st.none() | element if kind.nulls else element
    return st.lists(element, min_size=size or 0, max_size=4 if size is None else size)


def _nested(make: Callable[[pa.DataType], pa.DataType], kind: Kind, size: int | None = None) -> Kind:
    def lay_out(rows: list[Any]) -> pa.Array:
        absent = [None] * (size or 0)
        lists = [absent if row is None else row for row in rows]
        child = kind.lay_out([value for row in lists for value in row])
        validity = pa.array([row is not None for row in rows]).buffers()[1] if rows else None
        offsets = np.cumsum([0, *(len(row) for row in lists)])
        width = np.int64 if pa.types.is_large_list(make(kind.found)) else np.int32
        buffers = [validity] if size is not None else [validity, pa.py_buffer(offsets.astype(width))]
        return pa.Array.from_buffers(make(kind.found), len(rows), buffers, children=[child])

    return Kind(make(kind.found), pa.list_(kind.canonical), lay_out, _lists_of(kind, size))


def _struct(kind: Kind) -> Kind:
    def lay_out(rows: list[Any]) -> pa.Array:
        children = [kind.lay_out([(row or {}).get("a") for row in rows]), pa.array([0] * len(rows), pa.int8())]
        return pa.StructArray.from_arrays(
            children, ["a", "zero"], mask=pa.array([row is None for row in rows], pa.bool_())
        )

    inner = values(kind.canonical, nulls=False) if kind.contents is None else kind.contents
    contents = st.fixed_dictionaries({"a": st.none() | inner if kind.nulls else inner, "zero": st.just(0)})
    found, canonical = ([("a", type_), ("zero", pa.int8())] for type_ in (kind.found, kind.canonical))
    return Kind(pa.struct(found), pa.struct(canonical), lay_out, contents)


def _map(kind: Kind) -> Kind:
    def lay_out(rows: list[Any]) -> pa.Array:
        pairs = [pair for row in rows for pair in row or []]
        offsets = np.cumsum([0, *(len(row or []) for row in rows)]).astype(np.int32)
        entries = pa.StructArray.from_arrays(
            [pa.array([key for key, _ in pairs], pa.large_string()), kind.lay_out([value for _, value in pairs])],
            fields=list(found.field(0).type),
        )
        validity = pa.array([row is not None for row in rows]).buffers()[1] if rows else None
        return pa.Array.from_buffers(found, len(rows), [validity, pa.py_buffer(offsets)], children=[entries])

    found = pa.map_(pa.large_string(), kind.found)
    inner = values(kind.canonical, nulls=False) if kind.contents is None else kind.contents
    pair = st.tuples(st.text(max_size=3), st.none() | inner if kind.nulls else inner)
    contents = st.lists(pair, max_size=3, unique_by=lambda pair: pair[0])
    return Kind(found, pa.map_(pa.string(), kind.canonical), lay_out, contents)


def _tensor(found: pa.ExtensionType, shape: tuple[int, ...]) -> Kind:
    canonical, contents = pa.float32(), st.floats(width=32)
    for length in reversed(shape):
        canonical, contents = pa.list_(canonical), st.lists(contents, min_size=length, max_size=length)

    def lay_out(rows: list[Any]) -> pa.Array:
        storage = [None if row is None else np.array(row, np.float32).reshape(-1) for row in rows]
        return found.wrap_array(pa.array(storage, found.storage_type))

    return Kind(found, canonical, lay_out, contents)


def _variable_tensor(dimensions: int) -> Kind:
    def contents(depth: int) -> st.SearchStrategy[Any]:
        shape = st.tuples(*[st.integers(0 if axis == 0 else 1, 3) for axis in range(depth)])
        return shape.flatmap(lambda sizes: _filled(sizes))

    def lay_out(rows: list[Any]) -> pa.Array:
        arrays = [None if row is None else _as_tensor(row, dimensions) for row in rows]
        storage = [
            None if array is None else {"data": array.reshape(-1).tolist(), "shape": list(array.shape)}
            for array in arrays
        ]
        return found.wrap_array(pa.array(storage, found.storage_type))

    found = ArrowVariableShapedTensorType(pa.float32(), dimensions)
    canonical = pa.float32()
    for _ in range(dimensions):
        canonical = pa.list_(canonical)
    return Kind(found, canonical, lay_out, contents(dimensions))


def _as_tensor(row: list[Any], dimensions: int) -> np.ndarray[Any, Any]:
    array = np.array(row, np.float32)
    return array if array.ndim == dimensions else array.reshape((0,) + (2,) * (dimensions - 1))


def _filled(sizes: tuple[int, ...]) -> st.SearchStrategy[Any]:
    if not sizes:
        return st.floats(width=32)
    return st.lists(_filled(sizes[1:]), min_size=sizes[0], max_size=sizes[0])


def _stored(
    found: pa.BaseExtensionType, canonical: pa.DataType, contents: st.SearchStrategy[Any] | None = None
) -> Kind:
    def lay_out(rows: list[Any]) -> pa.Array:
        return pa.ExtensionArray.from_storage(found, pa.array(rows, found.storage_type))

    return Kind(found, canonical, lay_out, contents)


_UTC = pa.timestamp("us", "UTC")
_TEXT = _plain(pa.large_string(), pa.string())
_UNSIGNED = _plain(pa.uint64(), pa.int64(), st.integers(0, 2**63 - 1))
_INTERVAL = Kind(
    pa.month_day_nano_interval(),
    CALENDAR_INTERVAL,
    lambda rows: pa.array(
        [row and (row["months"], row["days"], row["microseconds"] * 1000) for row in rows], pa.month_day_nano_interval()
    ),
    st.fixed_dictionaries(
        {
            "months": st.integers(-(2**31), 2**31 - 1),
            "days": st.integers(-(2**31), 2**31 - 1),
            "microseconds": st.integers(-((2**63) // 1000) + 1, (2**63) // 1000 - 1),
        }
    ),
)

# One of each type that has a line in docs/types.md, and some in others.
FOREIGN_KINDS: list[Kind] = [
    _plain(pa.uint8(), pa.int16(), st.integers(0, 2**8 - 1)),
    _plain(pa.uint16(), pa.int32(), st.integers(0, 2**16 - 1)),
    _plain(pa.uint32(), pa.int64(), st.integers(0, 2**32 - 1)),
    _UNSIGNED,
    Kind(
        pa.float16(),
        pa.float32(),
        lambda rows: pa.array([None if row is None else np.float16(row) for row in rows], pa.float16()),
        st.floats(width=16),
    ),
    _TEXT,
    _plain(pa.string_view(), pa.string()),
    _plain(pa.large_binary(), pa.binary()),
    _plain(pa.binary_view(), pa.binary()),
    _plain(pa.binary(3), pa.binary(), st.binary(min_size=3, max_size=3)),
    Kind(
        pa.date64(),
        pa.date32(),
        lambda rows: pa.array([None if row is None else row * 86_400_000 for row in rows], pa.date64()),
    ),
    *[
        _plain(found, canonical, values(found, nulls=False))
        for found, canonical in [
            (pa.decimal32(9, 2), pa.decimal128(9, 2)),
            (pa.decimal64(18, 4), pa.decimal128(18, 4)),
            (pa.decimal256(30, 5), pa.decimal128(30, 5)),
        ]
    ],
    _plain(pa.decimal256(60, 5), pa.decimal128(38, 5), values(pa.decimal128(38, 5), nulls=False)),
    _plain(pa.decimal128(5, -2), pa.decimal128(7, 0), st.integers(-99_999, 99_999).map(lambda n: Decimal(n * 100))),
    _scaled(pa.timestamp("s"), pa.timestamp("us"), 1_000_000),
    _scaled(pa.timestamp("ms"), pa.timestamp("us"), 1000),
    _scaled(pa.timestamp("ns"), pa.timestamp("us"), -1000),
    _scaled(pa.timestamp("s", "Europe/Berlin"), _UTC, 1_000_000),
    _plain(pa.timestamp("us", "Asia/Tokyo"), _UTC),
    _scaled(pa.timestamp("ns", "UTC"), _UTC, -1000),
    _scaled(pa.time32("s"), pa.time64("ns"), 10**9),
    _scaled(pa.time32("ms"), pa.time64("ns"), 10**6),
    _scaled(pa.time64("us"), pa.time64("ns"), 1000),
    _scaled(pa.duration("s"), pa.duration("us"), 1_000_000),
    _scaled(pa.duration("ms"), pa.duration("us"), 1000),
    _scaled(pa.duration("ns"), pa.duration("us"), -1000),
    *[
        _dictionary(index, kind)
        for index in (pa.int8(), pa.uint8(), pa.int32(), pa.int64(), pa.uint64())
        for kind in (_TEXT, _UNSIGNED)
    ],
    _dictionary(pa.int16(), _plain(pa.string(), pa.string())),
    _dictionary(pa.int16(), _struct(_dictionary(pa.int8(), _TEXT))),
    _runs(_plain(pa.string(), pa.string())),
    _runs(_nested(pa.list_, _UNSIGNED)),
    _list_view(_UNSIGNED),
    _list_view(_plain(pa.string_view(), pa.string())),
    _INTERVAL,
    _nested(pa.large_list, _INTERVAL),
    _stored(pa.uuid(), pa.binary(), st.binary(min_size=16, max_size=16)),
    _stored(pa.json_(), pa.string()),
    Kind(
        pa.bool8(),
        pa.bool_(),
        lambda rows: pa.ExtensionArray.from_storage(pa.bool8(), pa.array(rows, pa.bool_()).cast(pa.int8())),
    ),
    _tensor(ArrowTensorType((3,), pa.float32()), (3,)),
    _tensor(ArrowTensorTypeV2((3,), pa.float32()), (3,)),
    _tensor(ArrowTensorTypeV2((2, 3, 1), pa.float32()), (2, 3, 1)),
    _tensor(ArrowTensorTypeV2((2, 0), pa.float32()), (2, 0)),
    _tensor(pa.fixed_shape_tensor(pa.float32(), (3,)), (3,)),
    _tensor(pa.fixed_shape_tensor(pa.float32(), (2, 3)), (2, 3)),
    _variable_tensor(1),
    _variable_tensor(2),
    _variable_tensor(3),
    _plain(pa.null(), pa.null(), st.none()),
]


def kinds(*, stored: bool = False) -> st.SearchStrategy[Kind]:
    """One of the foreign types, as it is or nested in a list, struct, map or dictionary.

    Args:
        stored: Leave out what Ray refuses to store under pytest, and what it cannot read back.
    """
    leaf = st.sampled_from([kind for kind in FOREIGN_KINDS if not stored or can_be_stored(kind.found)])
    dictionary = leaf.filter(lambda kind: _can_be_taken(kind.found)).map(lambda kind: _dictionary(pa.int16(), kind))
    return st.one_of(
        leaf,
        leaf.map(lambda kind: _nested(pa.list_, kind)),
        leaf.map(lambda kind: _nested(pa.large_list, kind)),
        leaf.map(lambda kind: _nested(lambda type_: pa.list_(type_, 2), kind, 2)),
        leaf.map(_struct),
        leaf.map(_map),
        *([] if stored else [leaf.map(_list_view)]),
        dictionary.filter(lambda kind: not stored or can_be_stored(kind.found)),
    )


def _can_be_taken(type_: pa.DataType) -> bool:
    # A dictionary of nulls or of dictionaries is nothing that anybody has.
    return not pa.types.is_null(type_) and not pa.types.is_dictionary(type_)


def can_be_stored(type_: pa.DataType) -> bool:
    """Tell whether Ray stores blocks with such a column under pytest, and can read them back."""
    if isinstance(type_, pa.BaseExtensionType):
        return can_be_stored(type_.storage_type)
    if pa.types.is_dictionary(type_):  # the store takes others, and Ray fails to read them
        value = type_.value_type
        return not isinstance(value, pa.BaseExtensionType) and value.num_fields == 0 and can_be_stored(value)
    views = (pa.string_view(), pa.binary_view())
    children = [type_.field(index).type for index in range(type_.num_fields)]
    nested = all(map(can_be_stored, children))
    return nested and type_ not in views and not pa.types.is_run_end_encoded(type_) and not pa.types.is_list_view(type_)


@dataclass(frozen=True)
class Blocks:
    """Blocks of one Dataset as they are found, and what must become of them."""

    schema: pa.Schema
    canonical: pa.Schema
    tables: list[pa.Table]
    wanted: list[pa.Table]

    @property
    def expected(self) -> pa.Table:
        """All rows, in the canonical schema."""
        batches = [batch for table in self.wanted for batch in table.to_batches()]
        return pa.Table.from_batches(batches, self.canonical)


@st.composite
def blocks(
    draw: st.DrawFn, *, foreign: bool = False, stored: bool = False, max_blocks: int = 4, max_rows: int = 12
) -> Blocks:
    """Up to four blocks of one random schema, in one to three chunks each, some of them slices of longer arrays."""
    names = draw(st.lists(column_names(), min_size=1, max_size=4, unique_by=str.lower))
    same = canonical_types().map(lambda type_: _plain(type_, type_))
    columns = [draw(kinds(stored=stored) if foreign else same) for _ in names]
    schema = pa.schema(list(zip(names, (kind.found for kind in columns), strict=True)))
    canonical = pa.schema(list(zip(names, (kind.canonical for kind in columns), strict=True)))
    found, wanted = [], []
    for _ in range(draw(st.integers(1, max_blocks))):
        chunks, wanted_chunks = [], []
        for _ in range(draw(st.integers(1, 3))):
            skip = draw(st.sampled_from([0, 0, 1, 3]))
            rows = draw(st.integers(0, max_rows)) + skip
            drawn = [draw(kind.rows(rows)) for kind in columns]
            arrays = [kind.lay_out(column) for kind, column in zip(columns, drawn, strict=True)]
            chunks.append(pa.RecordBatch.from_arrays(arrays, schema=schema).slice(skip))
            exact = [pa.array(column[skip:], kind.canonical) for kind, column in zip(columns, drawn, strict=True)]
            wanted_chunks.append(pa.RecordBatch.from_arrays(exact, schema=canonical))
        found.append(pa.Table.from_batches(chunks, schema))
        wanted.append(pa.Table.from_batches(wanted_chunks, canonical))
    return Blocks(schema, canonical, found, wanted)
