"""Has ``Dataset.to_spark`` of Ray Data run the Dataset once.

Ray Data takes a second to import, and most programs import it after raydp. So this waits for the import.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

__all__ = ["replace_to_spark"]

_MODULE = "ray.data.dataset"
_MARK = "_raydp_original"


def replace_to_spark(convert: Callable[[Any, Any], Any]) -> None:
    """Let a function do the work of ``Dataset.to_spark(spark)``, as soon as Ray Data is imported; idempotent.

    Why: Ray's own method asks for the schema before it calls raydp. For that, Ray Data runs a Dataset until its first
    block, and drops the result: a Dataset of one block runs twice. A method that leaves the schema to raydp would
    replace this.

    Args:
        convert: Takes the Dataset and the session, and returns the DataFrame.
    """
    module = sys.modules.get(_MODULE)
    if module is not None:
        _replace(module, convert)
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(convert))


def _replace(module: ModuleType, convert: Callable[[Any, Any], Any]) -> None:
    dataset: Any = module.Dataset
    original = dataset.to_spark
    if hasattr(original, _MARK):
        return

    @functools.wraps(original)
    def to_spark(self: Any, spark: Any) -> Any:
        return convert(self, spark)

    setattr(to_spark, _MARK, original)
    dataset.to_spark = to_spark


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module as Python does, and changes it when it is loaded."""

    def __init__(self, convert: Callable[[Any, Any], Any]) -> None:
        self._convert = convert

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            original = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                original(module)
                _replace(module, self._convert)

            loader.exec_module = exec_module
        return spec
