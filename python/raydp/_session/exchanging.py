"""Which Spark application a conversion uses: the one that raydp started, an attached one, or one of Spark Connect."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Protocol

from py4j.protocol import Py4JError

from raydp._application import current_application
from raydp._attachment.attach import attach
from raydp._attachment.attachment import Attachment, find_attachment
from raydp._spark import internals as _spark_internals
from raydp._spark.connect_calls_of_thread import briefly_retried
from raydp._spark.connect_internals import active_session, is_connect_session
from raydp.errors import ExchangeError, RaydpError, SessionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

    from raydp._exchange.driver.exchange import Exchange

__all__ = ["ExchangingApplication", "application_of", "errors_of_stop", "running_application", "running_session"]


class ExchangingApplication(Protocol):
    """A Spark application that exchanges data with Ray.

    Attributes:
        application_id: Its id, for messages.
        is_stopping: Whether it is being stopped or detached, or was.
        exchange: What converts its data.
    """

    @property
    def application_id(self) -> str: ...

    @property
    def is_stopping(self) -> bool: ...

    @property
    def exchange(self) -> Exchange: ...

    def death_error(self) -> SessionError | None:
        """Return the error that says how it has ended, or ``None`` if nothing that it needs has ended."""


def application_of(session: Any) -> ExchangingApplication:
    """Return the application of a session. A session of Spark Connect is attached if it is not.

    Raises:
        SessionError: The session was stopped, or is neither on Ray nor attached to it.
        ClusterError: It is a session of Spark Connect, and this process is not connected to Ray.
    """
    from pyspark.sql import SparkSession as ClassicSession

    if is_connect_session(session):
        return attach(session)
    if not isinstance(session, ClassicSession):
        current_application()
        raise SessionError(
            "This needs a Spark session on Ray, such as raydp.init_spark returns; "
            f"got {type(session).__module__}.{type(session).__name__}"
        )
    attachment = find_attachment(session.sparkContext)
    if attachment is not None:
        return attachment
    if _spark_internals.is_running(session) and not _spark_internals.is_on_ray(session):
        raise _unattached_error(session)
    application = current_application()
    if not _spark_internals.is_running(session):
        raise SessionError(
            "This DataFrame or session belongs to a Spark application that was stopped, or that does not run on Ray. "
            f"Create it with the running session. Running application: {application.application_id}"
        )
    return application


def _unattached_error(session: SparkSession) -> SessionError:
    try:
        application = session.sparkContext.applicationId
    except (Py4JError, OSError):
        return SessionError(
            "The driver JVM of this Spark session does not answer; it was probably killed. Start this program again: "
            "PySpark cannot start another JVM in it"
        )
    return SessionError(
        "There is no running Spark session on Ray: raydp did not start this one. Call raydp.attach(spark), and it "
        f"exchanges data with Ray, or start Spark with raydp.init_spark(...). Application: {application}"
    )


def running_application() -> ExchangingApplication:
    """Return the application that runs in this process.

    Raises:
        SessionError: None runs, or it is neither on Ray nor attached to it.
    """
    connected = active_session()
    if connected is not None:  # its server can be in this process, with a classic session
        return application_of(connected)
    session = _spark_internals.instantiated_session()
    if session is not None and _spark_internals.is_running(session):
        return application_of(session)
    return current_application()


def running_session() -> SparkSession:
    """Return the session of the running application that the caller's thread, or else the program, uses.

    Raises:
        SessionError: None runs, or it is neither on Ray nor attached to it.
    """
    from pyspark.sql import SparkSession

    running_application()
    connected = active_session()
    if connected is not None:
        return connected
    # A thread that did not make the session has no active one.
    session = SparkSession.getActiveSession() or _spark_internals.instantiated_session()
    if session is None:
        raise SessionError(
            "There is a SparkContext, but no SparkSession. Create one, or pass it to to_spark as `spark`"
        )
    return session


@contextlib.contextmanager
def errors_of_stop(application: ExchangingApplication) -> Iterator[None]:
    """Raise ``SessionError`` for what fails in the body of a ``with`` because the application is stopped, or has died.

    The errors of Spark and Ray do not say that: objects of a session that is being stopped are null, for example, and
    PySpark fails with an ``AttributeError``. Errors about the data or the arguments stay what they are.
    """
    try:
        with briefly_retried():  # PySpark asks the server for schemas and settings, for example
            yield
    except Exception as error:
        if isinstance(error, RaydpError) and not isinstance(error, (ExchangeError, SessionError)):
            raise
        if isinstance(application, Attachment) and application.ended_by is not None:
            raise application.death_error() or application.ended_by from error
        if application.is_stopping:
            raise SessionError(
                "Spark was stopped while this call used it, probably in another thread. Wait for the call before "
                f"raydp.stop_spark() or detach(). Application: {application.application_id}"
            ) from error
        if isinstance(error, SessionError) or (death := application.death_error()) is None:
            raise
        raise death from error
