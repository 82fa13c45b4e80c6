"""Frameworks are extras of raydp; without them their estimators say what to install."""

from __future__ import annotations

import importlib

from raydp.errors import MissingRequirementError

__all__ = ["require"]


def require(module: str, *, extra: str) -> None:
    """Import a framework and what Ray Train needs.

    Raises:
        MissingRequirementError: One is not installed; the message names the extra.
    """
    for name in (module, "ray.train"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise MissingRequirementError(
                "This estimator needs a package that is not installed, or is broken; "
                f"run `pip install 'raydp[{extra}]'`. Importing {name}: {error}"
            ) from error
