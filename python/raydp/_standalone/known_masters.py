"""Refuses sessions of this process that a master of ours would refuse: Spark needs a minute for that, and no reason."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from raydp._application.context_hook import check_other_masters
from raydp._configuration.security import SECRET
from raydp._spark.gateway_internals import running_jvm
from raydp._standalone.cluster import find_cluster, has_ended
from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ARGUMENTS = "PYSPARK_SUBMIT_ARGS"


def _check_secret(master: str, settings: Mapping[str, str]) -> None:
    """Raise SessionError for a context that lacks the secret of one of this process's clusters, or has another."""
    if has_ended(master):
        raise SessionError(
            "The Spark standalone cluster with this master was stopped. Start another one. If this process had a "
            "session on the stopped one, PySpark's JVM still has its settings, so give the session those of the other "
            f"one: SparkSession.builder.config(map=cluster.settings). Master: {master}"
        )
    cluster = find_cluster(master)
    if cluster is None or settings.get(SECRET) == cluster.settings.get(SECRET):
        return
    if SECRET not in settings and running_jvm() is None and "--properties-file" in os.environ.get(_ARGUMENTS, ""):
        return  # PySpark starts its JVM with a file, which this process does not read
    fault = "has another secret than" if SECRET in settings else "has no secret for"
    raise SessionError(
        f"This Spark session {fault} the processes of its Spark standalone cluster, so they would refuse it. Start the "
        "session with the settings of the cluster's properties_file: set the environment variable "
        f"{_ARGUMENTS}='--properties-file {cluster.properties_file} pyspark-shell' before the first session of this "
        f"process, or use spark-submit --properties-file. Master: {master}"
    )


check_other_masters(_check_secret)
