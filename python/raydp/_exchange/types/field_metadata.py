"""The metadata of Arrow fields: Spark's field metadata, and the names of Spark types that share an Arrow type.

The keys of Spark's metadata are those of Spark's own conversion to Arrow. Tables of ``DataFrame.toArrow()`` mean the
same.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from raydp._exchange.types.type_table import VARIANT_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "arrow_metadata",
    "declared_type",
    "is_variant",
    "kept_metadata",
    "spark_metadata",
    "user_defined_class",
]

_SPARK_METADATA = b"SPARK::metadata::json"
# The Spark type in the JSON form of Spark's schemas, if the Arrow type stands for another one.
_SPARK_TYPE = b"raydp.spark_type"
# Spark's metadata has the other metadata of the Arrow field under this key.
_ARROW_KEY = "arrow"
# Metadata of files, and of extension types that were converted. It does not describe the column.
_TRANSIENT_PREFIXES = (b"PARQUET:", b"ARROW:extension:")


def arrow_metadata(metadata: Mapping[str, Any] | None, type_json: Any = None) -> dict[bytes, bytes] | None:
    """Return the metadata of an Arrow field.

    Args:
        metadata: The metadata of the Spark field.
        type_json: The Spark type in JSON form, if the Arrow type stands for another one.
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
    """Return the metadata of the Spark field for an Arrow field; the inverse of :func:`arrow_metadata`."""
    pairs: dict[bytes, bytes] = dict(field.metadata or {})
    pairs.pop(_SPARK_TYPE, None)
    metadata = _parsed(pairs.pop(_SPARK_METADATA, b"{}"))
    metadata = metadata if isinstance(metadata, dict) else {}
    foreign = {
        key.decode(): value.decode() for key, value in pairs.items() if _is_text(key, value) and not _is_transient(key)
    }
    return {**metadata, _ARROW_KEY: foreign} if foreign else metadata


def declared_type(metadata: Mapping[bytes, bytes] | None) -> Any:
    """Return the JSON form of the Spark type that an Arrow field names, or ``None``."""
    return _parsed((metadata or {}).get(_SPARK_TYPE, b"null"))


def user_defined_class(metadata: Mapping[bytes, bytes] | None) -> str | None:
    """Return the JVM class of the user-defined type that an Arrow field names, or ``None``."""
    declared = declared_type(metadata)
    name = declared.get("class") if isinstance(declared, dict) else None
    return name if isinstance(name, str) else None


def kept_metadata(metadata: Mapping[bytes, bytes] | None, type_json: Any = None) -> dict[bytes, bytes] | None:
    """Return the metadata of a field whose type changes on the way to Spark.

    Args:
        metadata: The metadata of the field.
        type_json: The Spark type, in JSON form, that the field will name instead of its present one.
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
    return tag == VARIANT_TAG[b"variant"] and all(_is_binary(field.type) for field in type_)


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
    # The metadata may come from any file.
    try:
        return json.loads(text)
    except ValueError:
        return None
