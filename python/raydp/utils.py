"""Small functions of RayDP 1.6, under their former names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raydp._configuration.memory_size import parse_memory_size
from raydp._legacy.block_division import divide_blocks
from raydp._session.conversions import classic_dataframe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

__all__ = [
    "convert_to_spark",
    "df_type_check",
    "divide_blocks",
    "get_node_address",
    "parse_memory_size",
    "random_split",
]


def convert_to_spark(df: Any) -> tuple[DataFrame, bool]:
    """Return the Spark DataFrame behind ``df``, and whether ``df`` is a Spark DataFrame itself.

    Args:
        df: A Spark DataFrame, or a pandas-on-Spark frame.

    Raises:
        NotADataFrameError: ``df`` is neither.
    """
    frame = classic_dataframe(df)
    return frame, frame is df


def df_type_check(df: Any) -> bool:
    """Return ``True`` for a Spark DataFrame or a pandas-on-Spark frame.

    Raises:
        NotADataFrameError: ``df`` is neither.
    """
    classic_dataframe(df)
    return True


def get_node_address() -> str:
    """Return the IP address that Ray uses for this node."""
    from ray.util import get_node_ip_address

    address: str = get_node_ip_address()
    return address


def random_split(df: Any, weights: Sequence[float], seed: int | None = None) -> list[Any]:
    """Split a frame randomly.

    Args:
        df: A Spark DataFrame, or a pandas-on-Spark frame.
        weights: Relative sizes of the parts. Their sum need not be 1.
        seed: Seed of the sampling.

    Returns:
        One frame per weight, of the same kind as ``df``.
    """
    frame, is_spark = convert_to_spark(df)
    parts = frame.randomSplit(list(weights), seed)
    return list(parts) if is_spark else [part.pandas_api() for part in parts]
