"""The settings of an application: one ordered pipeline, the same for each way of starting one.

``init_spark``, ``builder.master("ray")`` and ``raydp-submit`` give settings. From highest to lowest precedence:

1. what the program sets: arguments of ``init_spark``, then its ``configs`` or the options of a builder or ``SparkConf``
2. what the program was submitted with: options of ``raydp-submit``, then its ``--conf``
3. what raydp adds: the contributors below, earlier ones first
4. what only ``spark-submit`` reads: ``--properties-file``, ``spark-defaults.conf``
5. how many executors of which size a Python program gets that does not say it (:mod:`raydp._application.sizing`)

A contributor only fills gaps: what has a value keeps it. The exception is a value that *extends* a given one and
contains it, such as a list of the user's filters with one more filter. The given settings are checked once, when they
enter the pipeline.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from raydp._application.metrics import metrics_settings
from raydp._configuration import former_names, registry
from raydp._configuration.security import security_settings
from raydp._doctor import check_address, check_folder_of_code, preflight
from raydp._exchange.driver.driver_calls import CATALOG_CLASS, CATALOG_KEY
from raydp._machine.class_data import Role, find_archive
from raydp._ray.cluster import join_cluster
from raydp._ray.internals import has_started_cluster
from raydp._spark.python_workers import worker_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from raydp._application.entry_points import EntryPoints
    from raydp._deployments.deployment import Deployment
    from raydp._machine.java import Java
    from raydp._ray.cluster import RayCluster

__all__ = [
    "Contribution",
    "Driver",
    "checked",
    "complete_settings",
    "merge",
    "read_by_spark",
    "resolved_files",
]

_FILE_KEYS = ("spark.jars", "spark.files", "spark.archives", "spark.submit.pyFiles")


@dataclass(frozen=True)
class Driver:
    """What contributors may know of the driver that the settings are for.

    Attributes:
        deployment: How its Spark processes run.
        java: What starts its JVM; ``None`` if the JVM runs already.
        is_python: Whether the program is in Python. A Scala or Java program has nothing that exports metrics,
            and no Python workers.
    """

    deployment: Deployment
    java: Java | None
    is_python: bool


@dataclass(frozen=True)
class Contribution:
    """What one contributor has to say.

    Attributes:
        added: Values for settings that have none yet.
        extended: New values of settings that have one; each contains the old value.
    """

    added: Mapping[str, str] = field(default_factory=dict)
    extended: Mapping[str, str] = field(default_factory=dict)


Contributor: TypeAlias = "Callable[[Driver, Mapping[str, str]], Contribution]"
ClusterContributor: TypeAlias = "Callable[[Driver, Mapping[str, str], RayCluster], Contribution]"


def checked(given: Mapping[str, str]) -> dict[str, str]:
    """Return the given settings by today's names, and warn of former names.

    Raises:
        InvalidArgumentError: A setting cannot work.
    """
    settings = former_names.translate(given)
    registry.check(settings)
    former_names.refuse_unknown(given)
    former_names.note(given)
    return settings


def complete_settings(master: str, settings: Mapping[str, str], driver: Driver) -> tuple[RayCluster, dict[str, str]]:
    """Join Ray, and add to checked settings what an application on it needs.

    What can be found wrong without Ray is found before Ray is started.

    Raises:
        InvalidArgumentError: Settings contradict each other, or the master URL is malformed.
        MissingRequirementError: Something is missing or wrong on this machine.
        ClusterError: Ray cannot be reached.
    """
    preflight(settings)
    complete = dict(settings)
    for contributor in WITHOUT_RAY:
        complete = merge(complete, contributor(driver, complete))
    cluster = join_cluster(master)
    check_address(cluster.node_address)
    check_folder_of_code(Path(cluster.session_directory))
    for with_cluster in WITH_RAY:
        complete = merge(complete, with_cluster(driver, complete, cluster))
    return cluster, complete


def merge(settings: Mapping[str, str], contribution: Contribution) -> dict[str, str]:
    """Return settings with a contribution: the one rule of precedence."""
    return {**contribution.added, **settings, **contribution.extended}


def read_by_spark(entry_points: EntryPoints, keys: Iterable[str]) -> Contribution:
    """Return the values of settings that ``spark-submit`` has read from its files, or was given by the environment."""
    values = {key: entry_points.system_property(key) for key in keys}
    return Contribution(added={key: value for key, value in values.items() if value})


def resolved_files(entry_points: EntryPoints, settings: Mapping[str, str]) -> Contribution:
    """Extend the settings that name files by what spark-submit made of them: it adds packages to the jars."""
    values = {key: entry_points.system_property(key) for key in _FILE_KEYS if key in settings}
    return Contribution(extended={key: value for key, value in values.items() if value})


def _protection(_: Driver, settings: Mapping[str, str]) -> Contribution:
    values = security_settings(settings)
    # The filter of Spark's UI goes in front of the user's own filters.
    return Contribution(added=values, extended={key: value for key, value in values.items() if key in settings})


def _logging(_: Driver, settings: Mapping[str, str]) -> Contribution:
    """Read the variables that name configurations of log4j, as in RayDP 1.6."""
    del settings
    variables = {
        registry.DRIVER_LOGGING.key: "SPARK_LOG4J_CONFIG_FILE_NAME",
        registry.EXECUTOR_LOGGING.key: "RAY_LOG4J_CONFIG_FILE_NAME",
    }
    return Contribution({key: value for key, name in variables.items() if (value := os.environ.get(name))})


def _python_workers(driver: Driver, settings: Mapping[str, str]) -> Contribution:
    return Contribution(worker_settings(settings) if driver.is_python else {})


def _identity(_: Driver, settings: Mapping[str, str], cluster: RayCluster) -> Contribution:
    del settings
    moment = dt.datetime.now(tz=dt.UTC).strftime("%Y%m%d-%H%M%S")
    return Contribution(
        {
            "spark.app.name": "raydp",
            registry.APPLICATION_ID.key: f"raydp-{moment}-{secrets.token_hex(3)}",
            "spark.driver.host": cluster.node_address,
            "spark.driver.bindAddress": cluster.node_address,
            CATALOG_KEY: CATALOG_CLASS,
        }
    )


def _patience(driver: Driver, settings: Mapping[str, str], cluster: RayCluster) -> Contribution:
    """Do not wait for nodes that hold larger executors where none will join: on a cluster of this process alone."""
    del driver, settings, cluster
    return Contribution({registry.INFEASIBLE_TIMEOUT.key: "1"} if has_started_cluster() else {})


def _deployment(driver: Driver, settings: Mapping[str, str], cluster: RayCluster) -> Contribution:
    del cluster
    return Contribution(driver.deployment.settings(settings))


def _metrics(driver: Driver, settings: Mapping[str, str], cluster: RayCluster) -> Contribution:
    del cluster
    return Contribution(metrics_settings(settings) if driver.is_python else {})


def _class_archive(driver: Driver, settings: Mapping[str, str], cluster: RayCluster) -> Contribution:
    del settings, cluster
    archive = None if driver.java is None else find_archive(driver.java, Role.EXECUTOR)
    return Contribution({} if archive is None else {registry.EXECUTOR_CLASS_DATA_ARCHIVE.key: str(archive)})


WITHOUT_RAY: tuple[Contributor, ...] = (_protection, _logging, _python_workers)
WITH_RAY: tuple[ClusterContributor, ...] = (_identity, _patience, _deployment, _metrics, _class_archive)
