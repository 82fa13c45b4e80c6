"""What Arrow fields say beside their type: Spark's field metadata, and Spark types that Arrow does not tell apart.

The keys of Spark's metadata and of variants are those of Spark's own conversion to Arrow, so that tables of
``DataFrame.toArrow()`` mean the same.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "VARIANT_TYPE",
    "arrow_metadata",
    "declared_type",
    "is_variant",
    "kept_metadata",
    "spark_metadata",
    "user_defined_class",
]

_SPARK_METADATA = b"SPARK::metadata::json"
# The Spark type as in the JSON form of Spark's schemas, where another one is usual for the Arrow type.
_SPARK_TYPE = b"raydp.spark_type"
_VARIANT = {b"variant": b"true"}
# Under this key of Spark's metadata stands the metadata of Arrow fields that is not Spark's.
_ARROW_KEY = "arrow"
# Of files, or of an extension type that does not cross: not about the column as it is now.
_TRANSIENT_PREFIXES = (b"PARQUET:", b"ARROW:extension:")

VARIANT_TYPE = pa.struct([pa.field("value", pa.binary()), pa.field("metadata", pa.binary(), metadata=_VARIANT)])


def arrow_metadata(metadata: Mapping[str, Any] | None, type_json: Any = None) -> dict[bytes, bytes] | None:
    """Return the metadata of an Arrow field.

    Args:
        metadata: The metadata of the Spark field.
        type_json: The Spark type in JSON form, where Arrow's type alone would come back as another one.
    """
    own = dict(metadata or {})
    foreign = own.pop(_ARROW_KEY, {})
    pairs = {key.encode(): value.encode() for key, value in foreign.items()}
    if own:
        pairs[_SPARK_METADATA] = json.dumps(own).encode()
    if type_json is not None:
        pairs[_SPARK_TYPE] = json.dumps(type_json).encode()
    return pairs or None


def spark_metadata(field: pa.Field) -> dict[str, Any]:
    """Return the metadata of the Spark field for an Arrow field, the opposite of :func:`arrow_metadata`."""
    pairs: dict[bytes, bytes] = dict(field.metadata or {})
    pairs.pop(_SPARK_TYPE, None)
    metadata = _parsed(pairs.pop(_SPARK_METADATA, b"{}"))
    metadata = metadata if isinstance(metadata, dict) else {}
    foreign = {
        key.decode(): value.decode() for key, value in pairs.items() if _is_text(key, value) and not _is_transient(key)
    }
    return {**metadata, _ARROW_KEY: foreign} if foreign else metadata


def declared_type(metadata: Mapping[bytes, bytes] | None) -> Any:
    """Return the JSON form of the Spark type that an Arrow field names, ``None`` if it names none."""
    return _parsed((metadata or {}).get(_SPARK_TYPE, b"null"))


def user_defined_class(metadata: Mapping[bytes, bytes] | None) -> str | None:
    """Return the JVM class of the user-defined type that an Arrow field names, if it names one."""
    declared = declared_type(metadata)
    name = declared.get("class") if isinstance(declared, dict) else None
    return name if isinstance(name, str) else None


def kept_metadata(metadata: Mapping[bytes, bytes] | None, type_json: Any = None) -> dict[bytes, bytes] | None:
    """Return the metadata of a field whose type is changed on the way to Spark.

    Args:
        metadata: The metadata of the field.
        type_json: The Spark type in JSON form that the field shall name instead of the one that it names.
    """
    kept = dict(metadata or {})
    if type_json is not None:
        kept[_SPARK_TYPE] = json.dumps(type_json).encode()
    return kept or None


def is_variant(type_: pa.StructType) -> bool:
    """Tell whether a struct is tagged as one of Spark's variants."""
    if [field.name for field in type_] != ["value", "metadata"]:
        return False
    tag: bytes | None = (type_.field(1).metadata or {}).get(b"variant")
    return tag == _VARIANT[b"variant"] and all(_is_binary(field.type) for field in type_)


def _is_binary(type_: pa.DataType) -> bool:
    return type_ in (pa.binary(), pa.large_binary(), pa.binary_view())


def _is_transient(key: bytes) -> bool:
    return key.startswith(_TRANSIENT_PREFIXES)


def _is_text(*values: bytes) -> bool:
    try:
        return all(value.decode() is not None for value in values)
    except UnicodeDecodeError:
        return False


def _parsed(text: bytes) -> Any:
    # Anybody may have written the metadata of a Dataset that came from a file.
    try:
        return json.loads(text)
    except ValueError:
        return None
