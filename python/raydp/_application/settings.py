"""The settings of an application: what the user gave, and what raydp adds to it."""

from __future__ import annotations

import datetime as dt
import os
import secrets
from typing import TYPE_CHECKING

from raydp._configuration import former_names, registry
from raydp._configuration.setting import boolean
from raydp._machine import installation as _installation
from raydp._machine.class_data import Role, find_archive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raydp._application.entry_points import EntryPoints
    from raydp._machine.java import Java
    from raydp._ray.cluster import RayCluster

__all__ = ["archive_settings", "checked", "defaults", "ray_properties", "resolved"]

_FILE_KEYS = ("spark.jars", "spark.files", "spark.archives", "spark.submit.pyFiles")


def checked(given: Mapping[str, str]) -> dict[str, str]:
    """Return the given settings by today's names, and warn of former names.

    Raises:
        InvalidArgumentError: A setting cannot work.
    """
    settings = former_names.translate(given)
    registry.check(settings)
    former_names.note(given)
    return settings


def resolved(entry_points: EntryPoints, settings: Mapping[str, str]) -> dict[str, str]:
    """Return what spark-submit made of the settings that name files: it adds packages to the jars, for example."""
    values = {key: entry_points.system_property(key) for key in _FILE_KEYS if key in settings}
    return {key: value for key, value in values.items() if value}


def defaults(cluster: RayCluster, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of an application that its user left open."""
    moment = dt.datetime.now(tz=dt.UTC).strftime("%Y%m%d-%H%M%S")
    jars = os.pathsep.join(map(str, _installation.class_path()))
    added = {
        "spark.app.name": "raydp",
        registry.APPLICATION_ID.key: f"raydp-{moment}-{secrets.token_hex(3)}",
        registry.EXECUTOR_CLASS_PATH.key: jars,
        "spark.driver.host": cluster.node_address,
        "spark.driver.bindAddress": cluster.node_address,
        # Executors that leave finish their tasks and hand their blocks to others.
        "spark.decommission.enabled": "true",
        "spark.storage.decommission.enabled": "true",
        # Idle executors need not stay for the sake of their shuffle files.
        "spark.dynamicAllocation.shuffleTracking.enabled": "false",
        # What raydp.register names; loaded when a query first mentions it.
        "spark.sql.catalog.ray": "io.raydp.exchange.RayCatalog",
    }
    decommissioning = ("spark.decommission.enabled", "spark.storage.decommission.enabled")
    if not all(boolean(settings.get(key, "true")) for key in decommissioning):
        del added["spark.dynamicAllocation.shuffleTracking.enabled"]
    if boolean(settings.get("spark.shuffle.service.enabled", "false")):
        # The service keeps the files of executors that leave, so they need not be handed over.
        added["spark.storage.decommission.shuffleBlocks.enabled"] = "false"
    return {key: value for key, value in added.items() if key not in settings}


def archive_settings(java: Java, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the setting that names the class-data archive of executors, if there is an archive."""
    key = registry.EXECUTOR_CLASS_DATA_ARCHIVE.key
    archive = find_archive(java, Role.EXECUTOR)
    return {key: str(archive)} if archive is not None and key not in settings else {}


def ray_properties(cluster: RayCluster) -> dict[str, str]:
    """Return the Java system properties with which a driver JVM joins the cluster."""
    return {
        "ray.address": cluster.address,
        "ray.job.namespace": cluster.namespace,
        "ray.job.code-search-path": str(_installation.raydp_jar()),
        "raydp.ray.session-dir": cluster.session_directory,
        "raydp.ray.node-address": cluster.node_address,
    }
