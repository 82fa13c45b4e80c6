"""The ``runtime_env`` of the executors: that of the program, as for every other actor that the program makes."""

from __future__ import annotations

import json

import ray

from raydp._configuration.registry import RUNTIME_ENV

__all__ = ["inherited_settings"]


def inherited_settings() -> dict[str, str]:
    """Return the setting that gives executors the program's runtime environment; empty if it has none.

    Executors do not inherit it from Ray, because the driver JVM requests them, which is a Ray job of its own. Local
    folders in ``py_modules`` and ``working_dir`` are URIs by now: ``ray.init`` has uploaded them.
    """
    environment = dict(ray.get_runtime_context().runtime_env)
    environment.pop("config", None)
    return {RUNTIME_ENV.key: json.dumps(environment)} if environment else {}
