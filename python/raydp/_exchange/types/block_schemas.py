"""One canonical schema for all blocks of a Dataset, whose own schemas may differ.

Ray Data does not make blocks agree: a block without rows may have no columns, one of only nulls has the type null, and
one made of dicts lacks the keys that its rows lack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from raydp._exchange.types.canonical_types import check_column_names, is_wider, to_canonical_schema
from raydp.errors import InvalidArgumentError, UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["unify_block_schemas"]


def unify_block_schemas(blocks: Iterable[tuple[pa.Schema, int | None]], declared: pa.Schema | None) -> pa.Schema:
    """Return the narrowest canonical schema that holds all blocks.

    As in Ray Data, blocks without rows do not count if any block has rows. Columns have the order in which they are
    found. What blocks say differently about a column in its metadata is dropped.

    Args:
        blocks: The Arrow schema and the number of rows of each block; ``None``: unknown.
        declared: The schema if no block has columns.

    Raises:
        InvalidArgumentError: There are no columns, or two of the same name, or nothing tells what they are.
        UnsupportedTypeError: A type is not supported, or a column's types in two blocks have nothing in common.
    """
    if declared:
        check_column_names(declared.names, "The Dataset")
    found = [(schema, rows) for schema, rows in blocks if len(schema)]
    schemas = [schema for schema, rows in found if rows != 0] or [schema for schema, _ in found]
    if not schemas and declared is None:
        raise InvalidArgumentError(
            "The Dataset has no rows and no schema, so its columns are unknown. Ray Data forgets the columns if a "
            "function drops all rows: filter with an expression (ray.data.expressions), or give the schema to "
            "raydp.spark.ray_dataset_to_spark_dataframe"
        )
    if not schemas:
        return to_canonical_schema(declared)
    distinct = [to_canonical_schema(schema) for schema in _distinct(schemas)]
    try:
        unified = to_canonical_schema(pa.unify_schemas(distinct, promote_options="permissive"))
    except pa.ArrowTypeError as error:
        raise UnsupportedTypeError(
            f"The blocks of the Dataset have different types for one column. Give all blocks the same type, for "
            f"example with map_batches: {error}"
        ) from error
    _check_decimals(unified, distinct)
    return _with_common_metadata(unified, distinct)


def _check_decimals(unified: pa.Schema, schemas: Sequence[pa.Schema]) -> None:
    """Refuse decimals that differ so much that a common type needs more digits than Spark's has."""
    for field in unified:
        types = {schema.field(field.name).type for schema in schemas if field.name in schema.names}
        if not all(is_wider(field.type, type_) for type_ in types):
            raise UnsupportedTypeError(
                f"The blocks of the Dataset have different types for one column, and Spark has no decimal with enough "
                f"digits for all of them. Give all blocks the same type, for example with map_batches: column "
                f"{field.name!r}, types {', '.join(sorted(map(str, types)))}"
            )


def _distinct(schemas: Sequence[pa.Schema]) -> list[pa.Schema]:
    """Return the schemas that differ. Arrow's own comparison leaves out the metadata of fields."""
    objects = {id(schema): schema for schema in schemas}
    return list({schema.serialize().to_pybytes(): schema for schema in objects.values()}.values())


def _with_common_metadata(unified: pa.Schema, schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Keep metadata that all blocks with values have in common, and drop the rest, such as the digits of times."""
    for index, field in enumerate(unified):
        others = [schema.field(field.name) for schema in schemas if field.name in schema.names]
        found = [other.metadata for other in others if not pa.types.is_null(other.type)] or [field.metadata]
        common = found[0] if all(metadata == found[0] for metadata in found) else None
        unified = unified.set(index, field.with_metadata(common) if common else field.remove_metadata())
    return unified
