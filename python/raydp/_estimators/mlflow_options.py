"""The argument ``mlflow`` of an estimator."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any, TypedDict

from raydp._configuration.arguments import check_argument_names
from raydp._configuration.public_names import public_in
from raydp.errors import InvalidArgumentError, MissingRequirementError

__all__ = ["MLflowOptions", "check_mlflow_options"]


@public_in("raydp.estimator")
class MLflowOptions(TypedDict, total=False):
    """Where and how to log to MLflow. The names are those of Ray's ``setup_mlflow``."""

    tracking_uri: str
    experiment_name: str
    experiment_id: str
    run_name: str
    tags: Mapping[str, Any]


def check_mlflow_options(given: Any) -> MLflowOptions | None:
    """Return the options for the argument of an estimator; ``None``: nothing is logged.

    Raises:
        InvalidArgumentError: A value is wrong.
        UnknownArgumentError: There is no option of a name.
        MissingRequirementError: MLflow is not installed.
    """
    if given is None or given is False:
        return None
    options = {} if given is True else given
    if not isinstance(options, Mapping):
        raise InvalidArgumentError(
            'mlflow takes True, or a mapping such as {"tracking_uri": "http://host:5000", "experiment_name": "fares"}; '
            f"got: {given!r}"
        )
    known = MLflowOptions.__annotations__
    check_argument_names("mlflow", options, known)
    for name, value in options.items():
        if name == "tags":
            if not isinstance(value, Mapping) or not all(isinstance(tag, str) for tag in value):
                raise InvalidArgumentError(f"The tags of mlflow are a mapping of names to values; got: {value!r}")
        elif not isinstance(value, str) or not value:
            raise InvalidArgumentError(f"{name} of mlflow must be a non-empty string; got: {value!r}")
    if "experiment_name" in options and "experiment_id" in options:
        raise InvalidArgumentError(
            "mlflow takes the name of an experiment or its id; remove one of them. "
            f"experiment_name: {options['experiment_name']}; experiment_id: {options['experiment_id']}"
        )
    if not _is_installed():
        raise MissingRequirementError(
            "Logging to MLflow needs a package that is missing; run `pip install 'raydp[mlflow]'`. Package: mlflow"
        )
    return MLflowOptions(**options)  # type: ignore[typeddict-item]  # checked above


def _is_installed() -> bool:
    try:
        return importlib.util.find_spec("mlflow") is not None
    except ValueError:  # sys.modules has None in its place
        return False
