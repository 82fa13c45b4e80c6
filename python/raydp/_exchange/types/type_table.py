"""The table of types on the Python side: which Spark type is which *canonical* Arrow type.

Only canonical Arrow types cross shared memory. Both directions derive from this table: :mod:`.spark_types` (Spark types
to canonical types and back) and :mod:`.canonical_types` (other Arrow types to canonical types). A type that is not here
is not supported. There is no default.

The table has the names of Spark's classes, because agents import it, and they do not import PySpark.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

import pyarrow as pa

__all__ = [
    "CALENDAR_INTERVAL",
    "COMPOSITE_TYPES",
    "DURATION",
    "EXTENSIONS",
    "NANOSECOND_TIME",
    "PLAIN_MICROSECONDS",
    "REFUSED_TYPES",
    "SCALAR_TYPES",
    "UTC_MICROSECONDS",
    "VARIANT_TAG",
    "VARIANT_TYPE",
    "ComesBack",
    "ScalarType",
]

UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")
PLAIN_MICROSECONDS = pa.timestamp("us")
NANOSECOND_TIME = pa.time64("ns")
DURATION = pa.duration("us")
CALENDAR_INTERVAL = pa.struct([("months", pa.int32()), ("days", pa.int32()), ("microseconds", pa.int64())])
# The tag is that of Spark's own conversion to Arrow.
VARIANT_TAG = {b"variant": b"true"}
VARIANT_TYPE = pa.struct([pa.field("value", pa.binary()), pa.field("metadata", pa.binary(), metadata=VARIANT_TAG)])


class ComesBack(Enum):
    """How a column's Spark type is known when it comes back from Ray."""

    BY_ARROW_TYPE = auto()
    """The Arrow type stands for it. The field names the Spark type only if its parameters are not the usual ones."""
    BY_NAME = auto()
    """The field always names it, because its Arrow type stands for another Spark type."""
    BY_TAG = auto()
    """The metadata of a field inside its Arrow type stands for it."""
    AS_ANOTHER = auto()
    """It comes back as the Spark type that its Arrow type stands for."""


@dataclass(frozen=True)
class ScalarType:
    """One row of the table.

    Attributes:
        spark: Name of the class in ``pyspark.sql.types``.
        arrow: The canonical Arrow type.
        comes_back: How the Spark type is known when a column comes back.
        usual_parameters: Parameters of the Spark type that the Arrow type stands for.
        widened: Other Arrow types whose values all fit. The value is the name of the Spark type that the field gets, or
            ``None`` if the canonical Arrow type stands for it.
        checked: Other Arrow types of which each value is checked, because some do not fit.
        extensions: Names of Arrow extension types whose storage has these values.
        since: The first version of Spark that has the type, if not all supported ones do.
    """

    spark: str
    arrow: pa.DataType
    comes_back: ComesBack
    usual_parameters: tuple[int, ...] = ()
    widened: dict[pa.DataType, str | None] = field(default_factory=dict)
    checked: dict[pa.DataType, str | None] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()
    since: str | None = None

    @property
    def sources(self) -> dict[pa.DataType, str | None]:
        """The other Arrow types that become this one, with the name that their field gets."""
        return {**self.widened, **self.checked}


SCALAR_TYPES: tuple[ScalarType, ...] = (
    ScalarType("NullType", pa.null(), ComesBack.BY_ARROW_TYPE),
    ScalarType("BooleanType", pa.bool_(), ComesBack.BY_ARROW_TYPE, extensions=("arrow.bool8",)),
    ScalarType("ByteType", pa.int8(), ComesBack.BY_ARROW_TYPE),
    ScalarType("ShortType", pa.int16(), ComesBack.BY_ARROW_TYPE, widened={pa.uint8(): None}),
    ScalarType("IntegerType", pa.int32(), ComesBack.BY_ARROW_TYPE, widened={pa.uint16(): None}),
    ScalarType(
        "LongType", pa.int64(), ComesBack.BY_ARROW_TYPE, widened={pa.uint32(): None}, checked={pa.uint64(): None}
    ),
    ScalarType("FloatType", pa.float32(), ComesBack.BY_ARROW_TYPE, widened={pa.float16(): None}),
    ScalarType("DoubleType", pa.float64(), ComesBack.BY_ARROW_TYPE),
    ScalarType(
        "StringType",
        pa.string(),
        ComesBack.BY_ARROW_TYPE,
        widened={pa.large_string(): None, pa.string_view(): None},
        extensions=("arrow.json",),
    ),
    # PySpark has their length only as text, in the metadata of the column.
    ScalarType("CharType", pa.string(), ComesBack.AS_ANOTHER),
    ScalarType("VarcharType", pa.string(), ComesBack.AS_ANOTHER),
    ScalarType(
        "BinaryType",
        pa.binary(),
        ComesBack.BY_ARROW_TYPE,
        widened={pa.large_binary(): None, pa.binary_view(): None},
        extensions=("arrow.uuid",),
    ),
    ScalarType("DateType", pa.date32(), ComesBack.BY_ARROW_TYPE, checked={pa.date64(): None}),
    ScalarType("TimestampType", UTC_MICROSECONDS, ComesBack.BY_ARROW_TYPE),
    ScalarType("TimestampNTZType", PLAIN_MICROSECONDS, ComesBack.BY_ARROW_TYPE),
    ScalarType(
        "TimeType",
        NANOSECOND_TIME,
        ComesBack.BY_ARROW_TYPE,
        usual_parameters=(9,),
        widened={pa.time32("s"): "time(0)", pa.time32("ms"): "time(3)", pa.time64("us"): "time(6)"},
        since="4.1",
    ),
    ScalarType(
        "DayTimeIntervalType",
        DURATION,
        ComesBack.BY_ARROW_TYPE,
        checked={pa.duration("s"): None, pa.duration("ms"): None, pa.duration("ns"): None},
    ),
    # Arrow has a type for it, but PyArrow has no class: Ray could neither show, compute nor save such a column.
    ScalarType("YearMonthIntervalType", pa.int32(), ComesBack.BY_NAME),
    # PyArrow's own type has no counterpart in NumPy, so Dataset.to_pandas fails on it.
    ScalarType(
        "CalendarIntervalType",
        CALENDAR_INTERVAL,
        ComesBack.BY_NAME,
        checked={pa.month_day_nano_interval(): "interval"},
    ),
    ScalarType("VariantType", VARIANT_TYPE, ComesBack.BY_TAG, since="4.0"),
)

EXTENSIONS: dict[str, pa.DataType] = {name: row.arrow for row in SCALAR_TYPES for name in row.extensions}
"""Names of Arrow extension types, and the canonical type of their storage."""

COMPOSITE_TYPES = ("DecimalType", "ArrayType", "MapType", "StructType", "UserDefinedType")
"""Spark's types with parameters that decide their Arrow type; both modules have a rule for each."""

REFUSED_TYPES: dict[str, str] = {
    "GeometryType": "Convert it to well-known binary with ST_AsBinary",
    "GeographyType": "Convert it to well-known binary with ST_AsBinary",
}
"""Spark's types that are not supported, and what to do instead."""
