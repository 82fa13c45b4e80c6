"""Names of RayDP 1.6's Spark master, a process that does not exist any more."""

from __future__ import annotations

from typing import Any

from raydp.errors import InvalidArgumentError

__all__ = ["RAYDP_SPARK_MASTER_SUFFIX", "RayDPSparkMaster"]

RAYDP_SPARK_MASTER_SUFFIX = "_SPARK_MASTER"
"""What followed the application's name in the name of that actor; no actor has such a name now."""


class RayDPSparkMaster:
    """What was the actor between Python and Spark in RayDP 1.6; it can be imported and not be made.

    Raises:
        InvalidArgumentError: Always, when it is made.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        del args, kwargs
        raise InvalidArgumentError(
            "RayDPSparkMaster does not exist any more: raydp.init_spark starts the driver's JVM itself and asks Ray "
            "for an AppMaster; call it instead"
        )
