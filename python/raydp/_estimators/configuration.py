"""The one configuration that all estimators share, and the keyword arguments that make it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, TypedDict

from raydp.errors import InvalidArgumentError

__all__ = [
    "PLACEMENT_STRATEGIES",
    "CommonOptions",
    "Configuration",
    "NullPolicy",
    "Options",
    "TrainingOptions",
    "check_callbacks",
    "configure",
    "whole_number",
]

NullPolicy = Literal["error", "drop", "fill", "keep"]
_POLICIES = ("error", "drop", "fill", "keep")
PLACEMENT_STRATEGIES = ("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD")


class CommonOptions(TypedDict, total=False):
    """Keyword arguments of every estimator; see :class:`Configuration` for their meaning and defaults."""

    weight_column: str | None
    nulls: NullPolicy
    fill_value: float
    seed: int | None
    checkpoint_dir: str | None
    checkpoint_every: int
    start_timeout: float
    progress: bool | None


class TrainingOptions(CommonOptions, total=False):
    """The same with those that ``TFEstimator`` had among its positional arguments in RayDP 1.6."""

    callbacks: Sequence[Any]


class Options(TrainingOptions, total=False):
    """The same with those that RayDP 1.6 had among the positional arguments of some estimators."""

    feature_columns: Sequence[str] | None
    placement_strategy: str


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """How an estimator treats its data and its workers, whatever the framework.

    Attributes:
        label_column: The column to predict; ``None`` where the estimator learns without labels.
        feature_columns: Columns to predict from, numbers, booleans, ML vectors or arrays of numbers; ``None``: all
            but the label and the weight.
        weight_column: Column of the rows' weights, 0 or more; ``None``: all rows count alike.
        num_workers: Training processes, 1 or more.
        resources_per_worker: Ray resources of each, such as ``{"CPU": 2, "GPU": 1}``; by default one CPU.
        nulls: What to do about nulls and NaN in features: ``"error"`` (the default), ``"drop"`` the rows, ``"fill"``
            with ``fill_value``, or ``"keep"`` them for frameworks that know missing values. A prediction for a row
            that would be dropped is null.
        fill_value: What nulls become with ``nulls="fill"``; 0 by default.
        seed: Seed of everything random in training; ``None``: the framework's default.
        callbacks: Callbacks in the framework's own form; they run in the workers.
        checkpoint_dir: Folder for checkpoints, reachable from every node (a path or a URI that PyArrow knows). A
            fit that failed or whose driver died is resumed by the next one with the same estimator and rows. By
            default a temporary folder of this machine, which serves retries on clusters of one node.
        checkpoint_every: Rounds or epochs between checkpoints.
        placement_strategy: Ray's placement strategy for the workers.
        start_timeout: Seconds to wait for the cluster to have room for the workers.
        progress: Whether to draw a progress bar; ``None``: when standard error is a terminal.
    """

    label_column: str | None
    num_workers: int = 1
    resources_per_worker: Mapping[str, float] | None = None
    feature_columns: tuple[str, ...] | None = None
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

    @property
    def resources(self) -> dict[str, float]:
        """The Ray resources of one worker."""
        return {"CPU": 1.0, **{name: float(amount) for name, amount in (self.resources_per_worker or {}).items()}}


def configure(
    label_column: str | None,
    num_workers: int,
    resources_per_worker: Mapping[str, float] | None,
    options: Options,
    *,
    handles_missing: bool,
) -> Configuration:
    """Check an estimator's arguments and make its configuration.

    Args:
        label_column: As in :class:`Configuration`.
        num_workers: As there.
        resources_per_worker: As there; ``"gpu"`` and ``"cpu"`` are understood too.
        options: The other keyword arguments of the estimator.
        handles_missing: Whether the framework can be given missing values, so that ``nulls="keep"`` makes sense.

    Raises:
        InvalidArgumentError: An argument is wrong.
        TypeError: There is no such option.
    """
    unknown = sorted(set(options) - Options.__optional_keys__)
    if unknown:
        raise TypeError(f"An estimator has no such argument: {', '.join(unknown)}")
    given: dict[str, Any] = {**options}
    features = given.pop("feature_columns", None)
    if "checkpoint_every" in given:
        given["checkpoint_every"] = whole_number("checkpoint_every", given["checkpoint_every"])
    if given.get("seed") is not None:
        given["seed"] = _seed(given["seed"])
    if isinstance(features, str):
        raise InvalidArgumentError(f"feature_columns takes a list of column names, not one name; got: {features!r}")
    configuration = Configuration(
        label_column=label_column,
        num_workers=whole_number("num_workers", num_workers),
        resources_per_worker=_resources(resources_per_worker),
        feature_columns=None if features is None else tuple(features),
        callbacks=tuple(given.pop("callbacks", None) or ()),
        **given,
    )
    _check(configuration, handles_missing=handles_missing)
    return configuration


def whole_number(name: str, value: Any, least: int = 1) -> int:
    """Return an argument that is to be a whole number, NumPy's kinds included, as an ``int``.

    Raises:
        InvalidArgumentError: It is none, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InvalidArgumentError(f"{name} must be a whole number of at least {least}; got: {value!r}")
    return int(value)


def check_callbacks(configuration: Configuration, fits: Callable[[Any], bool], wanted: str) -> None:
    """Raise InvalidArgumentError for the first callback that is not of the framework's form.

    Args:
        configuration: Has the callbacks.
        fits: Tells whether one is of that form.
        wanted: Describes the form.
    """
    for callback in configuration.callbacks:
        if not fits(callback):
            raise InvalidArgumentError(f"callbacks takes {wanted}; got: {callback!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _seed(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, Integral) or not 0 <= int(given) < 2**31:
        raise InvalidArgumentError(f"seed must be a whole number from 0 to 2147483647; got: {given!r}")
    return int(given)


def _resources(given: Mapping[str, float] | None) -> dict[str, float] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise InvalidArgumentError(f'resources_per_worker takes a mapping such as {{"CPU": 2}}; got: {given!r}')
    resources = {name.upper() if name.lower() in ("cpu", "gpu") else name: amount for name, amount in given.items()}
    for name, amount in resources.items():
        if not _is_number(amount) or not 0 <= amount < math.inf:
            raise InvalidArgumentError(f"A worker's resources are numbers of 0 or more; got {name}: {amount!r}")
    return resources


def _check(configuration: Configuration, *, handles_missing: bool) -> None:
    c = configuration
    for name in ("label_column", "weight_column", "checkpoint_dir"):
        value = getattr(c, name)
        if value is not None and (not isinstance(value, str) or not value):
            raise InvalidArgumentError(f"{name} must be a string that is not empty; got: {value!r}")
    if c.nulls not in _POLICIES:
        raise InvalidArgumentError(f"nulls must be one of {', '.join(_POLICIES)}; got: {c.nulls!r}")
    if c.nulls == "keep" and not handles_missing:
        raise InvalidArgumentError(
            "This framework cannot train with missing values. Use nulls='drop', or nulls='fill' with a fill_value; "
            "got: nulls='keep'"
        )
    if not _is_number(c.fill_value) or math.isnan(c.fill_value):
        raise InvalidArgumentError(f"fill_value must be a number; got: {c.fill_value!r}")
    if c.placement_strategy not in PLACEMENT_STRATEGIES:
        raise InvalidArgumentError(
            f"placement_strategy must be one of {', '.join(PLACEMENT_STRATEGIES)}; got: {c.placement_strategy!r}"
        )
    if not c.start_timeout > 0:
        raise InvalidArgumentError(f"start_timeout must be a positive number of seconds; got: {c.start_timeout!r}")
    if c.label_column is not None and c.label_column == c.weight_column:
        raise InvalidArgumentError(f"label_column and weight_column must be two columns; got: {c.label_column!r}")
    _check_columns(c)


def _check_columns(c: Configuration) -> None:
    if c.feature_columns is None:
        return
    if not c.feature_columns or not all(isinstance(name, str) and name for name in c.feature_columns):
        raise InvalidArgumentError(
            f"feature_columns takes the names of one or more columns; got: {list(c.feature_columns)!r}"
        )
    repeated = sorted({name for name in c.feature_columns if c.feature_columns.count(name) > 1})
    if repeated:
        raise InvalidArgumentError(f"feature_columns names a column twice: {', '.join(repeated)}")
    for role in ("label_column", "weight_column"):
        if getattr(c, role) in c.feature_columns:
            raise InvalidArgumentError(f"The {role} must not be among the features; got: {getattr(c, role)!r}")
