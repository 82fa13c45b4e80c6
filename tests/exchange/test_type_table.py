"""The table of types knows every type of PySpark and of docs/types.md, and nothing else decides. No cluster."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyspark.sql import types as T

from raydp._exchange.types.canonical_types import to_canonical_schema
from raydp._exchange.types.spark_types import to_arrow_schema, to_spark_schema
from raydp._exchange.types.type_table import COMPOSITE_TYPES, REFUSED_TYPES, SCALAR_TYPES, ComesBack, ScalarType
from raydp.errors import UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "python/raydp/_exchange"
# Bases of others, and a part of a struct: no column has such a type.
ABSTRACT = {
    "AnsiIntervalType",
    "AnyTimeType",
    "AtomicType",
    "DatetimeType",
    "FractionalType",
    "IntegralType",
    "NumericType",
    "SpatialType",
    "StructField",
}
# For parameters that a type needs: the id of a coordinate system that Spark knows, which is also a length.
PARAMETER = 4326
# PySpark has no classes for these.
UNKNOWN_TO_PYSPARK = {"timestamp(p)", "timestamp_ntz(p)"}


def spark_type_of(name: str, *parameters: int) -> T.DataType:
    kind = getattr(T, name)
    needed = [one for one in inspect.signature(kind).parameters.values() if one.default is one.empty]
    created: T.DataType = kind(*(parameters or [PARAMETER] * len(needed)))
    return created


def documented_name(spark: str) -> str:
    """Return the first word by which SQL calls a class of PySpark, without parameters."""
    if spark in COMPOSITE_TYPES:
        return spark.removesuffix("Type").lower()
    return spark_type_of(spark).simpleString().partition("(")[0]


def subclasses(base: type) -> Iterator[type]:
    for found in base.__subclasses__():
        if found.__module__ == T.__name__:
            yield found
            yield from subclasses(found)


def column(type_: T.DataType) -> T.StructType:
    return T.StructType([T.StructField("c", type_)])


def test_every_class_of_pyspark_is_in_the_table_once() -> None:
    known = [*(row.spark for row in SCALAR_TYPES), *COMPOSITE_TYPES, *REFUSED_TYPES]
    assert len(known) == len(set(known))
    assert set(known) == {found.__name__ for found in subclasses(T.DataType)} - ABSTRACT


def test_every_type_of_the_document_is_in_the_table() -> None:
    text = (ROOT / "docs/types.md").read_text()
    rows = re.findall(r"^\| (`[^|]*) \|", text.partition("## Tensor columns")[0], re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`([^`]*)`", row)]
    assert len(names) > 25
    documented = {re.split(r"[(<]| collate ", name)[0] for name in names if name not in UNKNOWN_TO_PYSPARK}
    known = {*(row.spark for row in SCALAR_TYPES), *COMPOSITE_TYPES, *REFUSED_TYPES} - {"UserDefinedType"}
    assert documented == set(map(documented_name, known))


def test_every_arrow_type_stands_for_one_spark_type() -> None:
    usual = [row.arrow for row in SCALAR_TYPES if row.comes_back is ComesBack.BY_ARROW_TYPE]
    assert len(usual) == len(set(usual))
    sources = [source for row in SCALAR_TYPES for source in row.sources]
    assert len(sources) == len(set(sources))
    assert not set(sources) & set(usual)
    for row in SCALAR_TYPES:
        if row.comes_back is ComesBack.AS_ANOTHER:
            assert row.arrow in usual


@pytest.mark.parametrize("row", SCALAR_TYPES, ids=lambda row: row.spark)
def test_every_row_works_in_both_directions(row: ScalarType) -> None:
    schema = column(spark_type_of(row.spark, *row.usual_parameters))
    arrow = to_arrow_schema(schema)
    assert arrow.field("c").type.equals(row.arrow, check_metadata=True)
    assert to_canonical_schema(arrow) == arrow
    back = to_spark_schema(arrow)
    if row.comes_back is ComesBack.AS_ANOTHER:
        assert back.fields[0].dataType == T.StringType()
    else:
        assert back == schema
    for source, name in row.sources.items():
        canonical = to_canonical_schema(pa.schema([("c", source)]))
        assert canonical.field("c").type == row.arrow
        if name is not None:
            assert to_spark_schema(canonical).fields[0].dataType.simpleString() == name


@pytest.mark.parametrize("name", REFUSED_TYPES)
def test_refused_types_name_the_column_and_the_type(name: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=rf"ST_AsBinary: column 'c\[\]', Spark type {name[:7].lower()}"):
        to_arrow_schema(column(T.ArrayType(spark_type_of(name))))


def test_unknown_types_name_the_column_and_the_type() -> None:
    class NewType(T.AtomicType):
        pass

    with pytest.raises(UnsupportedTypeError, match=r"column 'c\.value', Spark type new"):
        to_arrow_schema(column(T.MapType(T.StringType(), NewType())))
    union = pa.dense_union([pa.field("a", pa.int8())])
    with pytest.raises(UnsupportedTypeError, match=r"column 'c\.x', Arrow type dense_union"):
        to_canonical_schema(pa.schema([("c", pa.struct([("x", union)]))]))
    with pytest.raises(UnsupportedTypeError, match=r"column 'c\[\]', Arrow type uint8"):
        to_spark_schema(pa.schema([("c", pa.list_(pa.uint8()))]))


def test_no_other_module_names_classes_of_scalar_types() -> None:
    names = {row.spark for row in SCALAR_TYPES} - {"VariantType"}
    for path in FOLDER.rglob("*.py"):
        if path.name != "type_table.py":
            found = set(re.findall(r"\b[A-Z]\w+Type\b", path.read_text())) & names
            assert not found, (path, found)
