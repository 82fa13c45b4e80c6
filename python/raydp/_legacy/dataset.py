"""Conversions under the names and signatures of RayDP 1.6."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray.data
from pyspark.storagelevel import StorageLevel

from raydp._application import current_application
from raydp._session import conversions
from raydp.errors import InvalidArgumentError, NotADataFrameError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession
    from ray.data.dataset import MaterializedDataset

__all__ = [
    "PartitionObjectsOwner",
    "from_spark_recoverable",
    "get_raydp_master_owner",
    "ray_dataset_to_spark_dataframe",
    "read_spark_parquet",
    "release_spark_recoverable",
    "spark_dataframe_to_ray_dataset",
]

_OWNER_LOST_ITS_MEANING = (
    "owners of blocks have no effect any more: the process that converts a DataFrame owns its blocks, "
    "which outlive the executors and stop_spark; remove the argument"
)


@dataclass(frozen=True)
class PartitionObjectsOwner:
    """The actor that should own a conversion's blocks in RayDP 1.6; no longer has an effect.

    Attributes:
        actor_name: Name of the actor.
        set_reference_as_state: Was called with the actor's handle and the blocks.
    """

    actor_name: str
    set_reference_as_state: Callable[[Any, list[ray.ObjectRef[Any]]], ray.ObjectRef[Any]]


def spark_dataframe_to_ray_dataset(
    df: DataFrame, parallelism: int | None = None, owner: PartitionObjectsOwner | None = None
) -> MaterializedDataset[Any]:
    """Convert a Spark DataFrame to a Ray Dataset; called by ``ray.data.from_spark``.

    Args:
        df: A DataFrame of the running session.
        parallelism: Number of blocks; ``None`` or -1: as many as the data needs.
        owner: No longer has an effect; causes a deprecation warning.

    Returns:
        The Dataset. See :func:`raydp.from_spark`, also for the errors.
    """
    if owner is not None:
        _deprecated("spark_dataframe_to_ray_dataset(owner=...): " + _OWNER_LOST_ITS_MEANING)
    return conversions.from_spark(df, num_blocks=None if parallelism in (None, -1) else parallelism)


def ray_dataset_to_spark_dataframe(
    spark: SparkSession,
    arrow_schema: pa.Schema | Any,
    blocks: Sequence[ray.ObjectRef[Any]],
    locations: Sequence[Any] | None = None,
) -> DataFrame:
    """Convert blocks of a Ray Dataset to a Spark DataFrame; called by ``Dataset.to_spark``.

    Args:
        spark: The session on Ray.
        arrow_schema: The blocks' Arrow schema. With anything else, such as the schema of pandas blocks or ``None``,
            the schema is read from the blocks.
        blocks: Object refs of Arrow tables or pandas frames.
        locations: Not used; Ray knows where the blocks are.

    Returns:
        A DataFrame. See :func:`raydp.to_spark` for what keeps the blocks, and for the errors.
    """
    del locations
    schema = getattr(arrow_schema, "base_schema", arrow_schema)
    return conversions.dataframe_of_blocks(spark, schema if isinstance(schema, pa.Schema) else None, blocks)


def from_spark_recoverable(
    df: DataFrame,
    storage_level: StorageLevel = StorageLevel.MEMORY_AND_DISK,
    parallelism: int | None = None,
) -> MaterializedDataset[Any]:
    """Convert a DataFrame to a Dataset; Spark recomputes its lost blocks from rows that it keeps persisted.

    Args:
        df: A DataFrame of the running session. It stays persisted until
            :func:`release_spark_recoverable` is called with it.
        storage_level: Where Spark keeps the rows.
        parallelism: Number of blocks; ``None`` or -1: as many as the data needs.

    Returns:
        The Dataset. See :func:`raydp.from_spark`, also for the errors.
    """
    if not isinstance(storage_level, StorageLevel):
        raise InvalidArgumentError(
            "storage_level must be a pyspark.StorageLevel, such as StorageLevel.MEMORY_AND_DISK; "
            f"got {type(storage_level).__name__}: {storage_level!r}"
        )
    frame = conversions.classic_dataframe(df)
    current_application()
    frame.persist(storage_level)
    return conversions.convert(frame, num_blocks=None if parallelism in (None, -1) else parallelism, keep_lineage=True)


def release_spark_recoverable(df: DataFrame) -> None:
    """Unpersist a DataFrame after :func:`from_spark_recoverable`; its Dataset stays readable."""
    conversions.classic_dataframe(df).unpersist()


def read_spark_parquet(path: str | Sequence[str], **options: Any) -> ray.data.Dataset:
    """Read Parquet files that Spark wrote into a Ray Dataset, without Spark.

    Args:
        path: A folder that ``df.write.parquet(...)`` wrote, or several. Spark's marker files in it
            (``_SUCCESS``, ``.crc``) are ignored; partition folders (``name=value``) become columns.
        options: Passed on to :func:`ray.data.read_parquet`.

    Raises:
        NotADataFrameError: ``path`` is not a path.
    """
    paths = list(path) if isinstance(path, Sequence) and not isinstance(path, str) else [path]
    if not paths or not all(isinstance(one, str) for one in paths):
        raise NotADataFrameError(f"read_spark_parquet takes the path of a folder, or several; got: {path!r}")
    return ray.data.read_parquet(paths, **{"file_extensions": ["parquet"], **options})


def get_raydp_master_owner(spark: SparkSession | None = None) -> PartitionObjectsOwner:
    """Return an owner for :func:`spark_dataframe_to_ray_dataset`; it no longer has an effect.

    Args:
        spark: The session on Ray; the running one by default.

    Returns:
        An owner with the name of the application's master actor.
    """
    del spark
    _deprecated("get_raydp_master_owner: " + _OWNER_LOST_ITS_MEANING)

    def keep_nothing(actor: Any, blocks: list[ray.ObjectRef[Any]]) -> ray.ObjectRef[Any]:
        del actor
        return ray.put(len(blocks))

    return PartitionObjectsOwner(f"raydp-{current_application().application_id}-master", keep_nothing)


def _deprecated(message: str) -> None:
    warnings.warn(message, DeprecationWarning, stacklevel=3)
