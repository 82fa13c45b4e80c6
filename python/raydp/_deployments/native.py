"""Spark inside Ray: executors are Ray actors, which the driver JVM requests from Ray itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from raydp._configuration import registry
from raydp._configuration.setting import boolean
from raydp._machine.installation import class_path, raydp_jar
from raydp._ray.placement import reserve
from raydp._ray.runtime_environment import inherited_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raydp._deployments.deployment import DriverEntryPoints
    from raydp._ray.cluster import RayCluster
    from raydp._ray.placement import Placement

__all__ = ["NativeDeployment"]

_DECOMMISSION = ("spark.decommission.enabled", "spark.storage.decommission.enabled")


class NativeDeployment:
    """A :class:`~raydp._deployments.deployment.Deployment` whose executors are Ray actors."""

    def settings(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Return class path, runtime environment, and how executors leave."""
        added = {
            registry.EXECUTOR_CLASS_PATH.key: os.pathsep.join(map(str, class_path())),
            **inherited_settings(),
            # Executors that leave finish their tasks and hand their blocks to others.
            **dict.fromkeys(_DECOMMISSION, "true"),
        }
        if all(boolean(settings.get(key, "true")) for key in _DECOMMISSION):
            # Idle executors need not stay for the sake of their shuffle files.
            added["spark.dynamicAllocation.shuffleTracking.enabled"] = "false"
        if boolean(settings.get("spark.shuffle.service.enabled", "false")):
            # The service keeps the files of executors that leave, so they need not be handed over.
            added["spark.storage.decommission.shuffleBlocks.enabled"] = "false"
        return added

    def driver_properties(self, cluster: RayCluster) -> dict[str, str]:
        """Return the properties with which a driver JVM joins the Ray cluster."""
        return {
            "ray.address": cluster.address,
            "ray.job.namespace": cluster.namespace,
            "ray.job.code-search-path": str(raydp_jar()),
            "raydp.ray.session-dir": cluster.session_directory,
            "raydp.ray.node-address": cluster.node_address,
        }

    def reserve(self, settings: Mapping[str, str], driver: DriverEntryPoints) -> Placement | None:
        """Prepare the placement group that the settings ask for."""
        return reserve(settings, driver.executor_demand)

    def start(self, settings: Mapping[str, str], driver: DriverEntryPoints) -> None:
        """Have the driver JVM request the AppMaster and the executors."""
        driver.prestart(settings)
