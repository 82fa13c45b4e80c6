"""Where raydp reaches into the private parts of PySpark's client for Spark Connect. Each use says why.

PySpark imports this client, and the packages that it needs, only in programs that use it. So does this module.
"""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from raydp._spark.connect_calls_of_thread import briefly_retried
from raydp._spark.gateway_internals import running_jvm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyspark.sql import DataFrame, SparkSession

__all__ = [
    "active_session",
    "call_after_plan",
    "close_session",
    "is_connect_dataframe",
    "is_connect_session",
    "new_session",
    "run_command",
    "server_port",
    "session_failure",
    "session_is_stopped",
]

_SESSION_MODULE = "pyspark.sql.connect.session"
_DATAFRAME_MODULE = "pyspark.sql.connect.dataframe"


def is_connect_session(thing: Any) -> bool:
    """Tell whether something is a session of Spark Connect."""
    module = sys.modules.get(_SESSION_MODULE)
    return module is not None and isinstance(thing, module.SparkSession)


def is_connect_dataframe(thing: Any) -> bool:
    """Tell whether something is a DataFrame of Spark Connect."""
    module = sys.modules.get(_DATAFRAME_MODULE)
    return module is not None and isinstance(thing, module.DataFrame)


def active_session() -> SparkSession | None:
    """Return the Spark Connect session that the caller's thread uses, or the one that the program made first.

    Why: the public ``SparkSession.active()`` knows the session of its thread only.
    """
    module = sys.modules.get(_SESSION_MODULE)
    if module is None:
        return None
    session: SparkSession | None = module.SparkSession.getActiveSession() or module.SparkSession._get_default_session()
    return session


def session_is_stopped(spark: SparkSession) -> bool:
    """Tell whether a Spark Connect session was stopped by this program, or ended by its server."""
    connected: Any = spark
    return bool(connected.is_stopped)


def session_failure(spark: SparkSession) -> Exception | None:
    """Return what a call of the server of a Spark Connect session fails with, or ``None`` if the server answers."""
    try:
        with briefly_retried():
            spark.conf.get("spark.sql.session.timeZone")  # each call asks; PySpark asks for the version only once
    except Exception as error:  # the errors of gRPC, and of a closed channel, have no common type
        return error
    return None


def run_command(spark: SparkSession, runner: str, command: str, options: Mapping[str, str]) -> str:
    """Run a command of an ``ExternalCommandRunner`` once on the server, and return the first line of its output.

    Why: Spark's protocol and server have these commands, and its Scala client has ``SparkSession.executeCommand``.
    PySpark has no such method yet, so this makes the message.
    """
    from pyspark.sql.connect import proto

    message = proto.Command(
        execute_external_command=proto.ExecuteExternalCommand(runner=runner, command=command, options=options)
    )
    connected: Any = spark
    data, properties, _ = connected.client.execute_command(message)
    if data is not None and len(data):
        return str(data.iloc[0, 0])
    relation = properties["sql_command_result"]
    return str(pa.ipc.open_stream(relation.local_relation.data).read_all().column(0)[0].as_py())


def call_after_plan(df: DataFrame, action: Callable[..., None], *arguments: Any) -> None:
    """Call something when neither a DataFrame of Spark Connect nor one derived from it is left in this program.

    Why: each transformation makes another DataFrame. What they share is the plan, which each derived plan refers to.
    """
    connected: Any = df
    weakref.finalize(connected._plan, action, *arguments).atexit = False


def server_port() -> int:
    """Return the port of the Spark Connect server in the running driver JVM.

    Why: the server chooses a free port, and no public method tells which. An accessor of its plugin would replace this.
    """
    jvm: Any = running_jvm()
    service = getattr(jvm.org.apache.spark.sql.connect.service, "SparkConnectService$")
    return int(getattr(service, "MODULE$").localPort())


def new_session(url: str) -> SparkSession:
    """Return a new session of a Spark Connect server. It becomes the active one.

    Why: the public ``SparkSession.builder`` refuses a remote session in a program that has a classic one, which here is
    the server's.
    """
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    session: Any = ConnectSession.builder.remote(url).create()
    return session  # type: ignore[no-any-return]


def close_session(spark: SparkSession) -> None:
    """Stop a Spark Connect session without a call of its server, which may be gone.

    Why: ``stop`` tells the server, and tries that for minutes. A ``stop`` with a bound would replace this.
    """
    connected: Any = spark
    connected.release_session_on_close = False
    connected.stop()
