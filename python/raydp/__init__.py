"""Spark and Ray as one system.

Import this package, and ``SparkSession.builder.master("ray")`` starts Spark's executors inside the Ray cluster.
The import itself starts nothing. It loads Ray on demand, because forked PySpark workers import this package, too.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

# Loaded because cloudpickle copies a class whose module is not. It imports nothing itself.
from raydp import estimator as _estimator  # noqa: F401
from raydp._application import context_hook as _context_hook
from raydp._machine import log_lines as _log_lines
from raydp._ray import dataset_hook as _dataset_hook

if TYPE_CHECKING:
    __version__: str
    from raydp import errors as errors
    from raydp import spark as spark
    from raydp import utils as utils
    from raydp._attachment.attach import attach
    from raydp._attachment.attachment import Attachment
    from raydp._session.conversions import from_spark, to_spark
    from raydp._session.init_spark import connect_url, init_spark, stop_spark
    from raydp._session.registration import register, unregister
    from raydp._session.scaling import scale
    from raydp._session.ui import ui_url
    from raydp._standalone.cluster import StandaloneCluster
    from raydp._standalone.start import start_standalone

__all__ = [
    "Attachment",
    "StandaloneCluster",
    "__version__",
    "attach",
    "connect_url",
    "errors",
    "from_spark",
    "init_spark",
    "register",
    "scale",
    "spark",
    "start_standalone",
    "stop_spark",
    "to_spark",
    "ui_url",
    "unregister",
    "utils",
]

_HOME = {
    "Attachment": "raydp._attachment.attachment",
    "StandaloneCluster": "raydp._standalone.cluster",
    "attach": "raydp._attachment.attach",
    "connect_url": "raydp._session.init_spark",
    "from_spark": "raydp._session.conversions",
    "to_spark": "raydp._session.conversions",
    "init_spark": "raydp._session.init_spark",
    "stop_spark": "raydp._session.init_spark",
    "scale": "raydp._session.scaling",
    "start_standalone": "raydp._standalone.start",
    "register": "raydp._session.registration",
    "ui_url": "raydp._session.ui",
    "unregister": "raydp._session.registration",
}
_MODULES = frozenset({"errors", "spark", "utils"})

_log_lines.prefix_warnings()
_context_hook.install()
_dataset_hook.replace_to_spark(lambda ds, spark: __getattr__("to_spark")(ds, spark))


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"raydp.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name == "__version__":
        return importlib.metadata.version("raydp")
    raise AttributeError(f"module 'raydp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
