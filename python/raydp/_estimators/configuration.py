"""The configuration that all estimators share, and the checks of the arguments that it is built from."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, TypedDict

from raydp._configuration.arguments import check_choice, check_whole_number, is_whole_number
from raydp._configuration.program_warnings import warn_program
from raydp._configuration.public_names import public_in
from raydp._configuration.suggestions import did_you_mean, got
from raydp._estimators.mlflow_options import MLflowOptions, check_mlflow_options
from raydp.errors import InvalidArgumentError

__all__ = [
    "PLACEMENT_STRATEGIES",
    "CommonOptions",
    "Configuration",
    "NullPolicy",
    "Options",
    "TrainingOptions",
    "check_callbacks",
    "check_label_column",
    "check_progress",
    "check_seed",
    "configure",
]

NullPolicy = Literal["error", "drop", "fill", "keep"]
_NULL_POLICIES = ("error", "drop", "fill", "keep")
PLACEMENT_STRATEGIES = ("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD")


class CommonOptions(TypedDict, total=False):
    """Keyword arguments of every estimator. :class:`Configuration` has their meaning and defaults."""

    weight_column: str | None
    categorical_columns: Sequence[str] | None
    nulls: NullPolicy
    fill_value: float
    seed: int | None
    checkpoint_dir: str | None
    checkpoint_every: int
    start_timeout: float
    progress: bool | None
    mlflow: bool | MLflowOptions | None


class TrainingOptions(CommonOptions, total=False):
    """Adds what was a positional argument of ``TFEstimator`` in RayDP 1.6."""

    callbacks: Sequence[Any]


class Options(TrainingOptions, total=False):
    """Adds what was a positional argument of other estimators in RayDP 1.6."""

    feature_columns: Sequence[str] | None
    placement_strategy: str


@public_in("raydp.estimator")
@dataclass(frozen=True, kw_only=True)
class Configuration:
    """How an estimator treats its data and its workers, in every framework.

    Attributes:
        label_column: The column to predict; ``None`` for an estimator that learns without labels.
        feature_columns: The columns to predict from: numbers, booleans, strings, ML vectors or arrays of numbers;
            ``None`` (the default): all columns except the label and the weight.
        categorical_columns: Feature columns whose numbers are categories, such as a month or a postal code. Strings
            always are. The categories are the distinct values of the training rows.
        weight_column: Column with the rows' weights, numbers of 0 or more; ``None`` (the default): all rows have the
            same weight.
        num_workers: Number of training processes, 1 or more.
        resources_per_worker: Ray resources of each training process, such as ``{"CPU": 2, "GPU": 1}``; by default one
            CPU.
        nulls: What to do about nulls and NaN in features: ``"error"`` (the default) raises an error, ``"drop"`` leaves
            out the rows, ``"fill"`` replaces the values by ``fill_value``, ``"keep"`` passes them to a framework that
            handles missing values. With ``"drop"``, the prediction for such a row is null.
        fill_value: What replaces nulls with ``nulls="fill"``; 0 by default.
        seed: Seed of everything random in training, from 0 to 2147483647; ``None``: the framework's default.
        callbacks: Callbacks in the framework's own form. They run in the workers.
        checkpoint_dir: Folder for checkpoints that every node can reach, as a path or a URI that PyArrow supports.
            After a fit that failed or whose driver died, the next fit with the same estimator and rows resumes from
            there. By default a temporary folder on this machine, from which a cluster of one node can resume.
        checkpoint_every: Number of rounds or epochs between checkpoints; 10 rounds or 1 epoch by default.
        placement_strategy: Ray's placement strategy for the workers; ``"PACK"`` by default.
        start_timeout: Seconds to wait until the cluster has capacity for the workers; 60 by default.
        progress: Whether to draw a progress bar; ``None`` (the default): in a terminal and in a notebook.
        mlflow: Log parameters, and the metrics of each round or epoch, to a run of MLflow: ``True``, or a mapping with
            ``tracking_uri``, ``experiment_name`` or ``experiment_id``, ``run_name`` and ``tags``, of which MLflow's own
            settings are the defaults. ``None`` (the default): do not.
    """

    label_column: str | None
    num_workers: int = 1
    resources_per_worker: Mapping[str, float] | None = None
    feature_columns: tuple[str, ...] | None = None
    categorical_columns: tuple[str, ...] = ()
    weight_column: str | None = None
    nulls: NullPolicy = "error"
    fill_value: float = 0.0
    seed: int | None = None
    callbacks: tuple[Any, ...] = ()
    checkpoint_dir: str | None = None
    checkpoint_every: int = 10
    placement_strategy: str = "PACK"
    start_timeout: float = 60.0
    progress: bool | None = None
    mlflow: MLflowOptions | None = None

    @property
    def resources(self) -> dict[str, float]:
        """The Ray resources of one worker."""
        return {"CPU": 1.0, **{name: float(amount) for name, amount in (self.resources_per_worker or {}).items()}}

    @property
    def null_fill(self) -> float | None:
        """What replaces nulls in features; ``None``: they become NaN."""
        return self.fill_value if self.nulls == "fill" else None


def configure(
    label_column: str | None,
    num_workers: int,
    resources_per_worker: Mapping[str, float] | None,
    options: Options,
    *,
    handles_missing: bool,
) -> Configuration:
    """Check an estimator's arguments and return its configuration.

    Args:
        label_column: As in :class:`Configuration`.
        num_workers: As in :class:`Configuration`.
        resources_per_worker: As in :class:`Configuration`; ``"cpu"`` and ``"gpu"`` are accepted too.
        options: The other keyword arguments of the estimator.
        handles_missing: Whether the framework accepts missing values, as ``nulls="keep"`` requires.

    Raises:
        InvalidArgumentError: An argument has a wrong value.
        MissingRequirementError: ``mlflow`` is given, and MLflow is not installed.
    """
    given: dict[str, Any] = {**options}
    features = _check_names("feature_columns", given.pop("feature_columns", None))
    categories = _check_names("categorical_columns", given.pop("categorical_columns", None))
    if "checkpoint_every" in given:
        given["checkpoint_every"] = check_whole_number("checkpoint_every", given["checkpoint_every"])
    if given.get("seed") is not None:
        given["seed"] = check_seed(given["seed"])
    mlflow = check_mlflow_options(given.pop("mlflow", None))
    callbacks = given.pop("callbacks", None) or ()
    if not isinstance(callbacks, Iterable):
        raise InvalidArgumentError(f"callbacks takes a list of callbacks; got: {callbacks!r}")
    configuration = Configuration(
        label_column=label_column,
        num_workers=check_whole_number("num_workers", num_workers),
        resources_per_worker=_normalize_resources(resources_per_worker),
        feature_columns=features,
        categorical_columns=categories or (),
        callbacks=tuple(callbacks),
        mlflow=mlflow,
        **given,
    )
    _check(configuration, handles_missing=handles_missing)
    return configuration


def check_label_column(label_column: Any) -> None:
    """Raise InvalidArgumentError if the label column of an estimator that needs one is not a string."""
    if not isinstance(label_column, str):
        raise InvalidArgumentError(f"label_column must be the name of a column; got: {label_column!r}")


def check_progress(given: Any) -> None:
    """Raise InvalidArgumentError if the argument ``progress`` is none of its three values."""
    if given not in (True, False, None):
        raise InvalidArgumentError(f"progress must be True, False or None; got: {given!r}")


def check_seed(given: Any) -> int:
    """Return a seed. Raises InvalidArgumentError if it is none."""
    if not is_whole_number(given) or not 0 <= int(given) < 2**31:
        raise InvalidArgumentError(f"seed must be a whole number from 0 to 2147483647; got: {given!r}")
    return int(given)


def check_callbacks(
    configuration: Configuration, is_valid: Callable[[Any], bool], expected: str, *, instead: str = "such a callback"
) -> None:
    """Check the callbacks, and warn of those that Ray Train called with ``handle_result`` in RayDP 1.6.

    Args:
        configuration: Contains the callbacks.
        is_valid: Returns whether the framework accepts a callback.
        expected: Describes the callbacks that it accepts, for the message.
        instead: What to use in place of ``handle_result``.

    Raises:
        InvalidArgumentError: The framework does not accept a callback.
    """
    advice = (
        f"Nothing calls handle_result, which was for Ray Train: use {instead}. The metrics are also in what fit "
        "returns: result.history. "
    )
    former = [one for one in configuration.callbacks if hasattr(one, "handle_result")]
    for callback in configuration.callbacks:
        if not is_valid(callback):
            hint = advice if callback in former else ""
            raise InvalidArgumentError(f"callbacks takes {expected}{got(repr(callback), hint=hint)}")
    if former:
        warn_program(f"{advice}Callbacks with handle_result: {', '.join(type(one).__name__ for one in former)}")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _check_names(argument: str, given: Any) -> tuple[str, ...] | None:
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidArgumentError(f"{argument} takes a list of column names; got: {given!r}")
    names = tuple(given)
    if not all(isinstance(name, str) and name for name in names):
        raise InvalidArgumentError(f"{argument} takes the names of columns; got: {list(names)!r}")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidArgumentError(f"{argument} names a column twice: {', '.join(repeated)}")
    return names


def _normalize_resources(given: Mapping[str, float] | None) -> dict[str, float] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise InvalidArgumentError(f'resources_per_worker takes a mapping such as {{"CPU": 2}}; got: {given!r}')
    resources = {name.upper() if name.lower() in ("cpu", "gpu") else name: amount for name, amount in given.items()}
    for name, amount in resources.items():
        if not _is_number(amount) or not 0 <= amount < math.inf:
            raise InvalidArgumentError(f"A worker's resources must be numbers of 0 or more; got {name}: {amount!r}")
    return resources


def _check(configuration: Configuration, *, handles_missing: bool) -> None:
    c = configuration
    for name in ("label_column", "weight_column", "checkpoint_dir"):
        value = getattr(c, name)
        if value is not None and (not isinstance(value, str) or not value):
            raise InvalidArgumentError(f"{name} must be a non-empty string; got: {value!r}")
    check_choice("nulls", c.nulls, _NULL_POLICIES)
    if c.nulls == "keep" and not handles_missing:
        raise InvalidArgumentError(
            "This framework cannot train with missing values. Use nulls='drop', or nulls='fill' with a fill_value; "
            "got: nulls='keep'"
        )
    if not _is_number(c.fill_value) or not (abs(c.fill_value) <= sys.float_info.max or abs(c.fill_value) == math.inf):
        raise InvalidArgumentError(f"fill_value must be a number that a double can hold; got: {c.fill_value!r}")
    check_choice("placement_strategy", c.placement_strategy, PLACEMENT_STRATEGIES)
    check_progress(c.progress)
    if not _is_number(c.start_timeout) or not c.start_timeout > 0:
        raise InvalidArgumentError(f"start_timeout must be a positive number of seconds; got: {c.start_timeout!r}")
    if c.label_column is not None and c.label_column == c.weight_column:
        raise InvalidArgumentError(f"label_column and weight_column must be different columns; got: {c.label_column!r}")
    _check_columns(c)


def _check_columns(c: Configuration) -> None:
    for role in ("label_column", "weight_column"):
        for argument in ("feature_columns", "categorical_columns"):
            if getattr(c, role) in (getattr(c, argument) or ()):
                raise InvalidArgumentError(f"{role} must not be one of {argument}; got: {getattr(c, role)!r}")
    if c.feature_columns is None:
        return
    if not c.feature_columns:
        raise InvalidArgumentError("feature_columns must name one or more columns; got: []")
    others = [name for name in c.categorical_columns if name not in c.feature_columns]
    if others:
        unused = [name for name in c.feature_columns if name not in c.categorical_columns]
        raise InvalidArgumentError(
            f"categorical_columns must be among feature_columns. {did_you_mean(others[0], unused)}"
            f"Not among them: {', '.join(others)}"
        )
