"""What differs between the ways in which an application's Spark processes run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raydp._ray.cluster import RayCluster

__all__ = ["Deployment", "DriverEntryPoints", "Reservation"]


class DriverEntryPoints(Protocol):
    """What a deployment calls in the driver JVM."""

    def set_system_properties(self, properties: Mapping[str, str]) -> None:
        """Set Java system properties."""

    def executor_demand(self, settings: Mapping[str, str]) -> Mapping[str, float]:
        """Return what one executor demands of Ray: amounts by the names of Ray's resources."""

    def prestart(self, settings: Mapping[str, str]) -> None:
        """Request the application's processes, before its ``SparkContext`` exists."""


class Reservation(Protocol):
    """What was reserved in Ray for an application, to be released at its end."""

    @property
    def settings(self) -> Mapping[str, str]:
        """Settings that make the application's processes use it."""

    @property
    def most_executors(self) -> int | None:
        """How many executors it holds at most; ``None`` if it sets no limit."""

    def release(self) -> None:
        """Release it; idempotent."""


class Deployment(Protocol):
    """One way of running an application's Spark processes."""

    def settings(self, settings: Mapping[str, str]) -> Mapping[str, str]:
        """Return the settings that the processes need, for those that have no value yet.

        Args:
            settings: The settings so far.
        """

    def driver_properties(self, cluster: RayCluster) -> Mapping[str, str]:
        """Return the Java system properties that a driver JVM needs to find its Spark processes."""

    def reserve(self, settings: Mapping[str, str], driver: DriverEntryPoints) -> Reservation | None:
        """Reserve what the processes need in Ray, or return ``None`` if nothing is reserved ahead.

        Raises:
            InvalidArgumentError: The settings ask for something that cannot be reserved.
            ClusterError: The cluster cannot hold it.
        """

    def start(self, settings: Mapping[str, str], driver: DriverEntryPoints) -> None:
        """Request the first processes; they start while the ``SparkContext`` is being made."""
