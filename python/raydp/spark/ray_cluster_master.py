"""Names of RayDP 1.6's Spark master, a process that no longer exists."""

from __future__ import annotations

from typing import Any

from raydp.errors import InvalidArgumentError

__all__ = ["RAYDP_SPARK_MASTER_SUFFIX", "RayDPSparkMaster"]

RAYDP_SPARK_MASTER_SUFFIX = "_SPARK_MASTER"
"""Suffix of the name of that actor; no actor has such a name now."""


class RayDPSparkMaster:
    """The actor between Python and Spark in RayDP 1.6. It can be imported, but not created.

    Raises:
        InvalidArgumentError: Always.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        del args, kwargs
        raise InvalidArgumentError(
            "RayDPSparkMaster does not exist any more: raydp.init_spark starts the driver's JVM and the AppMaster. "
            "Call raydp.init_spark instead"
        )
