"""What PySpark has in one place in version 4, and in another one in version 3.5."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from pyspark.errors import PySparkException
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["classic_dataframe_class", "condition_of", "functions_module", "of_session", "socket_module"]


def _module(name: str, former_name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return import_module(former_name)


def classic_dataframe_class() -> type[DataFrame]:
    """Return the class of DataFrames whose queries run in this process' JVM."""
    found: type[DataFrame] = _module("pyspark.sql.classic.dataframe", "pyspark.sql.dataframe").DataFrame
    return found


def functions_module() -> Any:
    """Return the module that defines ``pyspark.sql.functions``."""
    return _module("pyspark.sql.functions.builtin", "pyspark.sql.functions")


def of_session(spark: SparkSession) -> dict[str, Any]:
    """Return the arguments of ``pyspark.InheritableThread`` for a thread that uses a session."""
    from pyspark import InheritableThread

    return {"session": spark} if "session" in inspect.signature(InheritableThread.__init__).parameters else {}


def socket_module() -> Any:
    """Return the module with the functions that read rows from the JVM's sockets."""
    from pyspark import util

    return util if hasattr(util, "_load_from_socket") else import_module("pyspark.rdd")


def condition_of(error: PySparkException) -> str | None:
    """Return the error condition of an exception, such as ``TABLE_OR_VIEW_NOT_FOUND``."""
    named: Any = error
    condition: str | None = named.getCondition() if hasattr(named, "getCondition") else named.getErrorClass()
    return condition
