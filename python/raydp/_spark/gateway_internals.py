"""Where raydp reaches into PySpark's connection to its JVM. Each use says why, and what would replace it.

PySpark launches a JVM by itself, and keeps it for the life of the process. The other private parts of PySpark are in
:mod:`raydp._spark.internals`.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from pyspark import SparkContext

from raydp._spark.ended_jvm import JvmEnd
from raydp.errors import SessionError

if TYPE_CHECKING:
    from py4j.java_gateway import JVMView

    from raydp._spark.gateway import GatewayProcess

__all__ = [
    "abandon_gateway",
    "adopt_gateway",
    "end_of",
    "end_unused_jvm",
    "forget_gateway",
    "has_class",
    "note_cause_of_end",
    "running_jvm",
]

_END = "_raydp_end"


def running_jvm() -> JVMView | None:
    """Return the JVM that PySpark talks to, or ``None`` before the first gateway was launched."""
    return SparkContext._jvm


def has_class(jvm: JVMView, name: str) -> bool:
    """Tell whether a class is on the class path of the driver's JVM."""
    from py4j.protocol import Py4JJavaError

    try:
        jvm.java.lang.Class.forName(name)
    except Py4JJavaError:
        return False
    return True


def adopt_gateway(process: GatewayProcess) -> JVMView:
    """Make PySpark use a JVM that raydp launched.

    Why: PySpark launches its JVM through spark-submit, which rejects unknown master URLs. But PySpark connects to a
    running JVM whose address is in the environment.
    """
    from pyspark.java_gateway import launch_gateway

    address = {"PYSPARK_GATEWAY_PORT": str(process.port), "PYSPARK_GATEWAY_SECRET": process.secret}
    os.environ.update(address)
    try:
        gateway = launch_gateway()
    finally:
        for name in address:
            del os.environ[name]
    gateway.proc = process.process  # where PySpark itself puts it, and tools look for it
    _explain_end(gateway, JvmEnd(process.process))
    SparkContext._ensure_initialized(gateway=gateway)
    jvm = SparkContext._jvm
    if jvm is None:
        raise SessionError("PySpark did not use the JVM that was launched for it; is another version installed?")
    return jvm


def _explain_end(gateway: Any, end: JvmEnd) -> None:
    """Let calls to a JVM that has ended raise a ``SessionError``; see :mod:`raydp._spark.ended_jvm`.

    Why: Py4J raises ``ConnectionRefusedError``, or an error without a text after it has logged a traceback. All calls
    on the JVM's objects get their connection from the same method. An event for the end of a JVM would replace this.
    """
    client = gateway._gateway_client
    client._get_connection = functools.partial(end.connected, client._get_connection)
    setattr(gateway, _END, end)


def end_of(gateway: Any) -> JvmEnd | None:
    """Return how the JVM of a gateway ends; ``None``: the gateway is not one of ours."""
    return None if gateway is None else vars(gateway).get(_END)


def note_cause_of_end(cause: str) -> None:
    """Have what belongs to the running application say later why it was stopped."""
    if (end := end_of(SparkContext._gateway)) is not None:
        end.note_cause(cause)


def abandon_gateway() -> None:
    """Keep a forked child from telling its parent's JVM which objects the child no longer needs.

    Why: Py4J sends that over the connections that the child shares with its parent when the child's objects are garbage
    collected, at its exit at the latest, and the JVM then drops objects of the parent. A gateway that notices a fork
    would replace it.
    """
    gateway = SparkContext._gateway
    if gateway is not None:
        gateway._gateway_client.is_connected = False


def forget_gateway() -> None:
    """Close PySpark's connection to its JVM. The next session starts a new JVM.

    Why: a JVM that was connected to one Ray cluster cannot join the next one, and PySpark keeps its
    gateway for the life of the process. A public ``SparkContext.shutdown_gateway`` would replace it.
    """
    gateway = SparkContext._gateway
    SparkContext._gateway = None
    SparkContext._jvm = None
    if gateway is not None:
        gateway.shutdown(raise_exception=False)
        gateway._gateway_client.is_connected = False  # also if the JVM had ended: there is nothing to tell it any more
        if (end := end_of(gateway)) is not None:
            end.note_stop()


def end_unused_jvm() -> bool:
    """End the JVM that PySpark launched here for contexts that have all ended; ``False`` if it launched none.

    Why: it lacks raydp's jar, and PySpark keeps its gateway for the life of the process. A public
    ``SparkContext.shutdown_gateway`` would replace it.
    """
    gateway = SparkContext._gateway
    process = None if gateway is None else vars(gateway).get("proc")  # any other attribute is one of the JVM
    if process is None or SparkContext._active_spark_context is not None:
        return False
    forget_gateway()
    process.stdin.close()  # PySpark's JVM ends when its standard input does
    return True
