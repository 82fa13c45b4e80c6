"""Where raydp reaches into PySpark's private parts. Each use says why, and what would replace it.

PySpark has no hook for cluster managers outside Spark. Two things need its private parts: the moment at which a
``SparkContext`` is about to be made for a master of ours, and the moment at which it is stopped. What raydp changes in
PySpark's connection to its JVM is in :mod:`raydp._spark.gateway_internals`.
"""

from __future__ import annotations

import functools
import logging
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import SparkContext

from raydp._spark.dead_contexts import end_dead_contexts_first, explain_lost_files
from raydp._spark.ended_jvm import LAST_ENDS, EndedObject, explain_missing_schema
from raydp._spark.error_texts import keep_error_texts
from raydp._spark.gateway_internals import end_of
from raydp._spark.interrupts import cancel_jobs_on_interrupt
from raydp._spark.refused_contexts import is_refused, refused_by, was_stopped_in_start
from raydp._spark.replaced_functions import is_replaced, mark_replacement, replace_function, replace_methods
from raydp._spark.result_internals import end_accumulators_quietly, keep_errors_of_actions, refuse_partial_results
from raydp._spark.spark_versions import classic_dataframe_class, functions_module
from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from py4j.java_gateway import JavaObject
    from pyspark import SparkConf
    from pyspark.sql import DataFrame, SparkSession


__all__ = [
    "ContextHook",
    "call_after_stop",
    "call_before_stop",
    "dataframe_of",
    "forget_builder_options",
    "install_context_hook",
    "instantiated_session",
    "is_active",
    "is_context_active",
    "is_on_ray",
    "is_running",
    "java_dataframe",
    "java_session",
    "set_for_sessions",
    "stop_active_context",
]

_logger = logging.getLogger(__name__)
_OURS = "_raydp_ours"
_BEFORE_STOP, _AFTER_STOP = "_raydp_before_stop", "_raydp_after_stop"
_NO_ANSWER = (Py4JError, OSError, SessionError)
"""What a call to a JVM raises that has ended."""


@dataclass(frozen=True)
class ContextHook:
    """What is called when a ``SparkContext`` starts and stops.

    Attributes:
        before: Called with the master URL and the configuration of a context that is about to be made; returns the
            settings to add, or ``None`` when the master is not ours. The others are called for contexts of ours only.
        started: Called when the context is up.
        failed: Called with what the constructor raised; returns what to raise instead.
        stopping: A context manager whose body stops the context.
        submitted: Returns settings that the program was submitted with; its own settings win.
        described: Returns a session as text and as HTML; called with whether it belongs to the running context.
        ending_dead: Called before PySpark looks for the running context. Stops it if its JVM or its Ray has ended.
    """

    before: Callable[[str, dict[str, str]], dict[str, str] | None]
    started: Callable[[], None]
    failed: Callable[[BaseException], BaseException]
    stopping: Callable[[], AbstractContextManager[None]]
    submitted: Callable[[], Mapping[str, str]]
    described: Callable[[bool], tuple[str, str]]
    ending_dead: Callable[[], None]


def install_context_hook(hook: ContextHook) -> None:
    """Take part in the life of every ``SparkContext`` of this process; idempotent.

    Why: ``SparkSession.builder.master("ray")`` must work in an unchanged program, and PySpark offers
    no extension point around its gateway. A public one would replace the wrappers.
    """
    if is_replaced(SparkContext.__init__):
        return
    original_init, original_stop = SparkContext.__init__, SparkContext.stop

    def end_if_dead() -> None:
        context = _active()
        if context is not None and _is_ours(context):
            hook.ending_dead()

    @functools.wraps(original_init)
    def init(self: SparkContext, *args: Any, **kwargs: Any) -> None:
        end_if_dead()
        arguments = _bind(args, kwargs)
        conf, master = arguments.get("conf"), arguments.get("master")
        settings = {**hook.submitted(), **(dict(conf.getAll()) if conf is not None else {})}
        url = master or settings.get("spark.master") or _submitted_master()
        added = hook.before(url, settings) if url and _active() is None else None
        if added is None:
            LAST_ENDS.clear()
            try:
                original_init(self, *args, **kwargs)
            except Py4JJavaError as error:
                if was_stopped_in_start(str(url), error):
                    raise refused_by(str(url)) from error
                raise
            if is_refused(str(self.master), self.applicationId):
                original_stop(self)
                raise refused_by(str(self.master))
            return
        try:
            assert url is not None
            vars(self)[_OURS] = True
            arguments["conf"] = _conf_of({**settings, **added, "spark.master": url})
            _prepare_pyspark()
            _show_sessions(hook)
            end_dead_contexts_first(end_if_dead)
            former = signal.getsignal(signal.SIGINT)
            original_init(self, **arguments)
            cancel_jobs_on_interrupt(self, former, lambda: self is _active())
            hook.started()
        except BaseException as error:
            replacement = hook.failed(error)
            _finish_stop(self, original_stop)
            if replacement is error:
                raise
            raise replacement from replacement.__cause__

    @functools.wraps(original_stop)
    def stop(self: SparkContext) -> None:
        if not _is_ours(self):
            for before_stop in vars(self).pop(_BEFORE_STOP, []):
                before_stop()
            try:
                original_stop(self)
            finally:
                for after_stop in vars(self).pop(_AFTER_STOP, []):
                    after_stop()
            return
        if not _is_superseded(self):
            gateway, jvm = SparkContext._gateway, SparkContext._jvm
            with hook.stopping():
                _finish_stop(self, original_stop)
            _note_end(self, gateway, jvm)

    mark_replacement(init, original_init)
    SparkContext.__init__ = init  # type: ignore[method-assign]
    SparkContext.stop = stop  # type: ignore[method-assign]


def call_before_stop(context: SparkContext, action: Callable[[], None]) -> None:
    """Call something when a context that raydp did not start is stopped by this process, before it stops.

    Why: the context's listeners are in the JVM, and PySpark returns from ``stop`` before Python could learn from them.
    A listener in Python would replace this.
    """
    vars(context).setdefault(_BEFORE_STOP, []).append(action)


def call_after_stop(context: SparkContext, action: Callable[[], None]) -> None:
    """Call something when this process has stopped a context that raydp did not start, as with the function above."""
    vars(context).setdefault(_AFTER_STOP, []).append(action)


def is_on_ray(session: SparkSession) -> bool:
    """Tell whether raydp started the ``SparkContext`` of a session."""
    return _is_ours(session.sparkContext)


def _is_ours(context: SparkContext) -> bool:
    return _OURS in vars(context)


def _is_superseded(context: SparkContext) -> bool:
    """Tell whether another context runs now. PySpark would forget that one when this one is stopped once more."""
    return _active() not in (None, context)


def _finish_stop(context: SparkContext, original_stop: Callable[[SparkContext], None]) -> None:
    """Stop a context, although its JVM may have ended. It can be stopped already."""
    try:
        original_stop(context)
    except _NO_ANSWER as error:
        _logger.info("The JVM of the SparkContext has ended before it: %s", error)
        original_stop(context)  # does what remains: it does not call the JVM twice


def _note_end(context: SparkContext, gateway: Any, jvm: Any) -> None:
    """Let a context whose JVM has ended, and all that was made with it, say so; see :mod:`raydp._spark.ended_jvm`.

    Why: PySpark forgets the JVM of a stopped context, so that its methods fail because ``None`` has no such attribute.
    A PySpark that checks whether its context was stopped would replace this.
    """
    end = end_of(gateway)
    if end is None or SparkContext._gateway is gateway:
        return
    _forget_sessions(context)
    LAST_ENDS[:] = [end]
    vars(context).update(_gateway=gateway, _jvm=jvm, _jsc=EndedObject(end), _temp_dir=EndedObject(end))


def _forget_sessions(context: SparkContext) -> None:
    from pyspark.sql import SparkSession, SQLContext

    session = SparkSession._instantiatedSession
    if session is not None and session.sparkContext is context:
        SparkSession._instantiatedSession = None
        SparkSession._activeSession = None
        SQLContext._instantiatedContext = None


def _explain_missing_context() -> None:
    """Let PySpark's functions, which use the running context, say it if that has ended; idempotent.

    Why: without a context, ``functions.col("a")`` fails with an ``AssertionError`` that has no text. A check in
    PySpark would replace this.
    """
    from pyspark.sql import utils

    builtin = functions_module()
    for original in (utils.get_active_spark_context, builtin._invoke_function):
        if is_replaced(original):
            return

        @functools.wraps(original)
        def explained(*args: Any, _original: Any = original) -> Any:
            error = LAST_ENDS[0].find_error() if LAST_ENDS and _active() is None else None
            if error is not None:
                raise error
            return _original(*args)

        replace_function(original, explained)


def _prepare_pyspark() -> None:
    """Change what PySpark does when the JVM of a session on Ray has ended; idempotent.

    Why: PySpark's JVM lives as long as its process, so PySpark does not expect that. Its exceptions ask it for their
    text, and ``SparkSession.stop`` asks it to forget the session and fails before PySpark has forgotten it. A PySpark
    that survives the end of its JVM would replace this.
    """
    from pyspark.sql import SparkSession

    keep_error_texts()
    _explain_missing_context()
    explain_missing_schema()
    refuse_partial_results()
    keep_errors_of_actions()
    end_accumulators_quietly()
    explain_lost_files()
    replace_methods(SparkSession, ["stop"], _stopping_once)


def _stopping_once(original: Any) -> Any:
    @functools.wraps(original)
    def stop(self: SparkSession) -> None:
        context = self.sparkContext
        if _is_ours(context) and _is_superseded(context):
            return
        try:
            original(self)
        except _NO_ANSWER:
            if not _is_ours(context):
                raise
            _forget_sessions(context)

    return stop


def _show_sessions(hook: ContextHook) -> None:
    """Show sessions on Ray by what they have there, in consoles and notebooks; idempotent.

    Why: PySpark shows an address in memory in a console, and in a notebook a link to its UI that does not open. There
    is no other object of an application that users have. Public methods to override would replace this.
    """
    from pyspark.sql import SparkSession

    def overriding(form: int) -> Callable[[Any], Any]:
        def override(original: Any) -> Any:
            @functools.wraps(original)
            def shown(self: SparkSession) -> Any:
                return hook.described(is_running(self))[form] if _is_ours(self.sparkContext) else original(self)

            return shown

        return override

    replace_methods(SparkSession, ["__repr__"], overriding(0))
    replace_methods(SparkSession, ["_repr_html_"], overriding(1))


_PARAMETERS = tuple(
    name for name in SparkContext.__init__.__code__.co_varnames[1 : SparkContext.__init__.__code__.co_argcount]
)


def _bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    return {**dict(zip(_PARAMETERS, args, strict=False)), **kwargs}


def _submitted_master() -> str | None:
    """Return the master of a program whose gateway already exists, for example one started by spark-submit."""
    jvm = SparkContext._jvm
    if jvm is None:
        return None
    master: str | None = jvm.java.lang.System.getProperty("spark.master")
    return master


def _conf_of(settings: dict[str, str]) -> SparkConf:
    from pyspark import SparkConf

    # It also holds the spark.* system properties of the JVM, which runs now. A SparkConf of the program may belong
    # to a JVM that has ended.
    result = SparkConf(_jvm=SparkContext._jvm)
    for key, value in settings.items():
        result.set(key, value)
    return result


def _active() -> SparkContext | None:
    # Why: SparkContext.getOrCreate would make one. Public accessor: none.
    return SparkContext._active_spark_context


def is_context_active() -> bool:
    """Tell whether this process has a running ``SparkContext``."""
    return _active() is not None


def is_active(context: SparkContext) -> bool:
    """Tell whether this is the ``SparkContext`` that runs now."""
    return context is _active()


def is_running(session: SparkSession) -> bool:
    """Return whether a session belongs to the running ``SparkContext``, and was not stopped before this one started."""
    return is_active(session.sparkContext)


def instantiated_session() -> SparkSession | None:
    """Return the session that the program made first, if there is one.

    Why: ``to_spark`` needs the program's session. The public ``SparkSession.active()`` only finds the one of its
    thread, and ``SparkSession.builder.getOrCreate()`` changes the settings of the session that it finds.
    """
    from pyspark.sql import SparkSession

    return SparkSession._instantiatedSession


def stop_active_context() -> None:
    """Stop the running session as its ``stop()`` does, or the bare context if there is no session."""
    session = instantiated_session()
    context = _active()
    if context is None:
        return
    if session is not None and session.sparkContext is context:
        session.stop()
    else:
        context.stop()


def forget_builder_options(names: Iterable[str]) -> None:
    """Remove settings from the process-wide ``SparkSession.builder``.

    Why: PySpark keeps the options of one builder for all later ones, so the next session would inherit the settings
    of a stopped application. A builder per session would replace it.
    """
    from pyspark.sql import SparkSession

    options = SparkSession.builder._options
    for name in names:
        options.pop(name, None)


def java_session(spark: SparkSession) -> JavaObject:
    """Return the JVM's ``SparkSession``. Why: our Scala entry points take it; PySpark only wraps it."""
    return spark._jsparkSession


def set_for_sessions(spark: SparkSession, key: str, value: str) -> None:
    """Set a configuration in a session, and in all sessions of its application that are made later.

    Why: new sessions take their settings from the context's configuration, which is fixed for public methods. A way to
    register a catalog at run time would replace this.
    """
    spark.conf.set(key, value)
    java_session(spark).sharedState().conf().set(key, value)


def java_dataframe(df: DataFrame) -> JavaObject:
    """Return the JVM's ``Dataset[Row]``. Why: our Scala entry points take it; PySpark only wraps it."""
    return df._jdf


def dataframe_of(java_dataframe_: JavaObject, spark: SparkSession) -> DataFrame:
    """Wrap the JVM's ``Dataset[Row]`` as a PySpark frame; the opposite of :func:`java_dataframe`."""
    return classic_dataframe_class()(java_dataframe_, spark)
