"""The ``runtime_env`` of the executors: the program's own, as for every actor that it makes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import ray

from raydp._configuration.registry import RUNTIME_ENV

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["inherited_settings"]


def inherited_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the setting that gives executors the program's runtime environment; empty if it has none.

    Ray starts executors for the driver's JVM, which is a job of its own, so that they would not inherit it by
    themselves. Local folders among ``py_modules`` and ``working_dir`` were uploaded by ``ray.init`` and have become
    URIs.

    Args:
        settings: Spark configuration; its own ``spark.raydp.runtimeEnv`` has precedence.
    """
    if RUNTIME_ENV.key in settings:
        return {}
    environment = dict(ray.get_runtime_context().runtime_env)
    environment.pop("config", None)
    return {RUNTIME_ENV.key: json.dumps(environment)} if environment else {}
