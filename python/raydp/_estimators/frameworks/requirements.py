"""Check that a framework is installed. Frameworks are optional: each is an extra of raydp."""

from __future__ import annotations

import importlib

from raydp.errors import MissingRequirementError

__all__ = ["require"]


def require(module: str, *, extra: str) -> None:
    """Import a framework and Ray Train.

    Args:
        module: The framework's module.
        extra: The extra of raydp that installs it.

    Raises:
        MissingRequirementError: One of them cannot be imported. The message names the extra.
    """
    for name in (module, "ray.train"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise MissingRequirementError(
                "This estimator needs a package that is missing or broken; "
                f"run `pip install 'raydp[{extra}]'`. Importing {name}: {error}"
            ) from error
