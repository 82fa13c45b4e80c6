"""The Spark Connect server of an application that raydp started: it runs in the driver JVM."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from raydp._application import driver_jvm, submitted
from raydp._attachment.attachment import find_attachment
from raydp._spark.connect_internals import close_session, new_session, server_port, session_is_stopped
from raydp._spark.interrupts import keep_jobs_on_interrupt
from raydp.errors import InvalidArgumentError, MissingRequirementError, SessionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql import SparkSession

__all__ = ["ConnectServer", "check_client", "server_settings", "token_for_server"]

_PLUGIN = "org.apache.spark.sql.connect.SparkConnectPlugin"
_PLUGINS = "spark.plugins"
_ADDRESS = "spark.connect.grpc.binding.address"
_PORT = "spark.connect.grpc.binding.port"
_TOKEN = "spark.connect.authenticate.token"
_TOKEN_VARIABLE = "SPARK_CONNECT_AUTHENTICATE_TOKEN"
_MODE_VARIABLE = "SPARK_CONNECT_MODE_ENABLED"
_SUBMITTED_VARIABLE = "PYSPARK_GATEWAY_PORT"
_LOOPBACK = "127.0.0.1"
_ADDRESSES = (_LOOPBACK, "localhost", "::1", "0.0.0.0", "::")
_LARGEST_PORT = 65535


def check_client() -> None:
    """Raise ``MissingRequirementError`` if PySpark's Spark Connect client lacks a package."""
    from pyspark.sql.connect.utils import check_dependencies

    try:
        check_dependencies()
    except ImportError as error:
        raise MissingRequirementError(
            "init_spark(connect=True) needs the packages of PySpark's Spark Connect client. Install them with pip "
            f'install "raydp[connect]". Reason: {error}'
        ) from error


def server_settings(given: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that start a server with the application, on this machine and a free port if none is given.

    Raises:
        InvalidArgumentError: The program has chosen an address or a port that no client could use.
    """
    settings = {**submitted.settings, **given}
    address = settings.get(_ADDRESS, _LOOPBACK)
    if address not in _ADDRESSES:
        raise InvalidArgumentError(
            f"{_ADDRESS} must be one of {', '.join(_ADDRESSES)}: PySpark's client sends a token to localhost, or else "
            "over TLS, which the server does not have. Use a tunnel or a proxy with TLS for other machines; got: "
            f"{address!r}"
        )
    port = settings.get(_PORT, "0")
    if not port.isdecimal() or int(port) > _LARGEST_PORT:
        raise InvalidArgumentError(
            f"{_PORT} must be a port, or 0 for a free one; leave it out for a free one. Got: {port!r}"
        )
    plugins = [name.strip() for name in settings.get(_PLUGINS, "").split(",") if name.strip()]
    if _PLUGIN not in plugins:
        plugins.append(_PLUGIN)
    return {_PLUGINS: ",".join(plugins), _ADDRESS: address, _PORT: port}


@contextlib.contextmanager
def token_for_server(given: Mapping[str, str]) -> Iterator[str]:
    """Let the server of a driver JVM that is launched in the body of a ``with`` refuse clients without the token.

    It is in the environment of the JVM only. Settings reach executors, and PySpark's client would send a token of this
    process's environment to any other server.

    Args:
        given: The settings of the application, those of the server among them.

    Raises:
        InvalidArgumentError: Something else listens on the port that the program has chosen.
        SessionError: This program has a driver JVM already, whose environment cannot change.
    """
    if driver_jvm.reusable_jvm() is not None or _SUBMITTED_VARIABLE in os.environ:
        raise SessionError(
            "init_spark(connect=True) needs a driver JVM of its own, and spark-submit started one for this program. "
            "Start it with plain Python or raydp-submit"
        )
    _check_port_is_free(given[_ADDRESS], int(given[_PORT]))
    settings = {**submitted.settings, **given}
    token = settings.get(_TOKEN) or os.environ.get(_TOKEN_VARIABLE) or secrets.token_hex(32)
    with driver_jvm.launched_with({_TOKEN_VARIABLE: token}):
        yield token


def _check_port_is_free(address: str, port: int) -> None:
    if port == 0:
        return
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((address, port))
        except OSError as error:
            raise InvalidArgumentError(
                f"The Spark Connect server cannot listen on this port. Choose another {_PORT}, or leave it out for a "
                f"free one. Address: {address}:{port}; reason: {error.strerror}"
            ) from error


@dataclass
class ConnectServer:
    """A running server, and this program's session on it.

    Attributes:
        url: What programs pass to ``SparkSession.builder.remote``; it contains the token.
        session: This program's session.
    """

    url: str
    session: SparkSession

    @classmethod
    def of_running_jvm(cls, token: str) -> ConnectServer:
        """Return the server of the application that runs."""
        keep_jobs_on_interrupt()
        # By this name, because PySpark's client sends tokens to no other without TLS.
        url = f"sc://localhost:{server_port()}/;token={quote(token, safe='')}"
        os.environ[_MODE_VARIABLE] = "1"  # PySpark's functions, such as col, make expressions for the client then
        try:
            return cls(url, new_session(url))
        except BaseException:
            del os.environ[_MODE_VARIABLE]
            raise

    def running_session(self) -> SparkSession:
        """Return this program's session; another one if it was stopped."""
        if session_is_stopped(self.session):
            self.session = new_session(self.url)
        return self.session

    def close(self) -> None:
        """End this program's use of the server, which ends with the application."""
        os.environ.pop(_MODE_VARIABLE, None)
        close_session(self.session)
        attachment: Any = find_attachment(self.session)
        if attachment is not None:
            attachment.detach()
