"""A YARN cluster on this machine: Hadoop's own resource manager and one node manager, in one JVM.

Its containers run as this user, in folders and with variables of their own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

from raydp._machine.installation import spark_home
from support import programs
from support.daemons import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["run_in_container", "submit_variables", "yarn_cluster"]

_CHECKOUT = Path(__file__).parents[2]
_NODE_MILLISECONDS = 300_000  # on a busy machine
_PROGRAM_SECONDS = 900.0
_SETTINGS = {
    "yarn.scheduler.minimum-allocation-mb": "128",
    "yarn.scheduler.capacity.root.queues": "default",
    "yarn.scheduler.capacity.root.default.capacity": "100",
    "yarn.scheduler.capacity.maximum-am-resource-percent": "1.0",
    "yarn.nodemanager.resource.memory-mb": "8192",
    "yarn.nodemanager.resource.cpu-vcores": "8",
    "yarn.nodemanager.vmem-check-enabled": "false",
    "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.9",
}


@contextlib.contextmanager
def yarn_cluster(*, owner: int | None = None) -> Iterator[Path]:
    """Run a cluster in the body of a ``with``, which gets the folder with its settings (``HADOOP_CONF_DIR``).

    Args:
        owner: The user that the folders above those of the containers belong to. Default: this one.
    """
    jars = [*_fetch_jars().glob("*.jar"), *(spark_home() / "jars").glob("*.jar")]
    with tempfile.TemporaryDirectory(prefix="yarn-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if owner is not None:
            folder.chmod(0o755)
            os.chown(folder, owner, owner)
        with (folder / "log").open("w", buffering=1) as log:
            port, token, process = launch_gateway(
                classpath=os.pathsep.join(map(str, jars)),
                jarpath=str(next((spark_home() / "jars").glob("py4j-*.jar"))),
                javaopts=["-Xmx512m"],
                cwd=name,
                enable_auth=True,
                die_on_exit=True,
                redirect_stdout=log,
                redirect_stderr=log,
                return_proc=True,
            )
            gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auth_token=token))
            try:
                cluster = _started(gateway, folder)
                yield folder / "conf"
                cluster.stop()  # ends its containers, too
            finally:
                gateway.shutdown()
                process.stdin.close()  # the JVM ends
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _started(gateway: JavaGateway, folder: Path) -> Any:
    java = gateway.jvm
    settings = java.org.apache.hadoop.yarn.conf.YarnConfiguration()
    for key, value in _SETTINGS.items():
        settings.set(key, value)
    cluster = java.org.apache.hadoop.yarn.server.MiniYARNCluster("raydp", 1, 1, 1)
    cluster.init(settings)
    cluster.start()
    assert cluster.waitForNodeManagersToConnect(_NODE_MILLISECONDS), (folder / "log").read_text()[-4000:]
    (folder / "conf").mkdir()
    stream = java.java.io.FileOutputStream(str(folder / "conf" / "yarn-site.xml"))
    cluster.getConfig().writeXml(stream)
    stream.close()
    return cluster


def _fetch_jars() -> Path:
    """Return the folder of Hadoop's jars that PySpark does not have."""
    command = ["bash", str(_CHECKOUT / "ci" / "dev-build.sh"), "yarn"]
    subprocess.run(command, env={**os.environ, "RAYDP_PYTHON": sys.executable}, check=True, timeout=900)
    return _CHECKOUT / "build" / "yarn"


def submit_variables(configuration: Path) -> dict[str, str | None]:
    """Return changes of the environment for a program that submits applications to the cluster."""
    java = shutil.which("java")
    assert java is not None
    return {
        "HADOOP_CONF_DIR": str(configuration),
        "SPARK_LOCAL_IP": HOST,
        "PYSPARK_PYTHON": sys.executable,
        "JAVA_HOME": str(Path(java).parents[1]),
    }


def run_in_container(
    configuration: Path, program: str, *arguments: str, settings: Mapping[str, str], variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a program of tests/programs in cluster mode to its end: a container is its driver.

    Args:
        configuration: The folder from :func:`yarn_cluster`.
        program: Its path in tests/programs, without ``.py``.
        arguments: The program's arguments.
        settings: Spark's settings.
        variables: What the driver and the executors find in their environment.
    """
    places = ("spark.yarn.appMasterEnv", "spark.executorEnv")
    every = {**settings, **{f"{place}.{name}": value for place in places for name, value in variables.items()}}
    return subprocess.run(
        [
            *(str(spark_home() / "bin" / "spark-submit"), "--master", "yarn", "--deploy-mode", "cluster"),
            *(word for key, value in every.items() for word in ("--conf", f"{key}={value}")),
            *(str(_CHECKOUT / "tests" / "programs" / f"{program}.py"), *arguments),
        ],
        env=programs.environment(submit_variables(configuration)),
        capture_output=True,
        text=True,
        check=False,
        timeout=_PROGRAM_SECONDS,
    )
