"""Have XGBoost check the names and values of its parameters, before there is any data."""

from __future__ import annotations

import functools
import json
import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost

from raydp._configuration.program_warnings import warn_program
from raydp._configuration.suggestions import did_you_mean
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["check_parameters"]

_UNUSED = re.compile(r"Parameters: \{ (.*?) \} are not used", re.DOTALL)
_CANDIDATES = re.compile(r"Objective candidate: (\S+)")
_WORDS = re.compile(r"valid values are: \{(.*?)\}")
_BY_FEATURES = ("monotone_constraints", "interaction_constraints", "feature_weights")
"""Their values name or count the features, which are not known yet."""
_BOOSTERS = ("gbtree", "dart", "gblinear")
_METRICS = (
    *("rmse", "rmsle", "mae", "mape", "mphe", "logloss", "error", "merror", "mlogloss", "auc", "aucpr", "pre", "ndcg"),
    *("map", "poisson-nloglik", "gamma-nloglik", "gamma-deviance", "tweedie-nloglik", "cox-nloglik", "aft-nloglik"),
    *("interval-regression-accuracy", "quantile"),
)
"""What to suggest for an unknown metric. XGBoost decides which ones it knows, but it cannot list them."""
_ARGUMENTS = {
    "n_estimators": "num_boost_round",
    "num_round": "num_boost_round",
    "num_rounds": "num_boost_round",
    "num_boost_round": "num_boost_round",
    "early_stopping_rounds": "early_stopping_rounds",
    "callbacks": "callbacks",
    "enable_categorical": "categorical_columns",
    "feature_types": "categorical_columns",
}
"""What XGBoost's own functions take next to the parameters, and the argument of the estimator for it."""


def check_parameters(params: Mapping[str, Any]) -> None:
    """Check the user's parameters by making a booster with them.

    Raises:
        InvalidArgumentError: XGBoost does not know a name, or it refuses a value.
    """
    probe = {name: value for name, value in params.items() if name not in _BY_FEATURES}
    if str(probe.get("device", "")).startswith(("cuda", "gpu")):
        del probe["device"]  # workers may have a GPU that this machine has not
    if str(probe.get("objective", "")).startswith("multi:"):
        probe.setdefault("num_class", 2)  # the estimator counts the classes
    try:
        unused = _find_unused(probe)
    except (xgboost.core.XGBoostError, TypeError, ValueError) as error:
        raise InvalidArgumentError(_describe(params, str(error))) from None
    unknown = [name for name in unused if name not in _known_names()] if unused else []
    if unknown:
        nearest = "".join(_suggest(name) for name in unknown)
        raise InvalidArgumentError(
            f"XGBoost has no parameter of this name. {nearest}Check xgboost_params. Unknown: {', '.join(unknown)}"
        )
    if unused:
        warn_program(
            "XGBoost does not use these parameters together with this booster, tree method or objective: "
            f"{', '.join(unused)}"
        )


def _find_unused(params: Mapping[str, Any]) -> list[str]:
    """Return the names of parameters that XGBoost does not use. Raises XGBoost's error for a value that it refuses."""
    quiet = {"nthread": 1, "verbosity": 1, "validate_parameters": True}
    with warnings.catch_warnings(record=True) as caught, xgboost.config_context(verbosity=1):
        warnings.simplefilter("always")
        xgboost.Booster({**params, **quiet}, [_rows()]).save_config()
    found = [match for one in caught for match in _UNUSED.findall(str(one.message))]
    return [name for names in found for name in re.findall(r'"(.*?)"', names)]


@functools.cache
def _rows() -> xgboost.DMatrix:
    return xgboost.DMatrix(np.zeros((2, 1)), label=[0, 1], nthread=1)


@functools.cache
def _objectives() -> tuple[str, ...]:
    """Return the objectives, which XGBoost lists when it refuses one."""
    try:
        _find_unused({"objective": "?"})
    except xgboost.core.XGBoostError as error:
        return tuple(_CANDIDATES.findall(str(error)))
    return ()


@functools.cache
def _known_names() -> frozenset[str]:
    """Return the parameters that any booster, tree method or objective has, from XGBoost's own configurations."""
    variants: list[dict[str, Any]] = [
        *({"booster": booster} for booster in _BOOSTERS),
        *({"tree_method": method} for method in ("exact", "approx", "hist")),
        *({"objective": objective, "num_class": 2} for objective in _objectives() if objective.startswith("multi:")),
        *({"objective": objective} for objective in _objectives() if not objective.startswith("multi:")),
    ]
    names: set[str] = {"eval_metric", "verbosity", "base_score", "num_class", "objective", "booster", *_BY_FEATURES}
    for variant in variants:
        booster = xgboost.Booster({"verbosity": 0, "nthread": 1, "quantile_alpha": 0.5, **variant}, [_rows()])
        names.update(_leaves(json.loads(booster.save_config())))
    return frozenset(names)


def _leaves(configuration: Any) -> Iterator[str]:
    """Yield the names of the values in a configuration, but not of its sections."""
    if isinstance(configuration, dict):
        for name, value in configuration.items():
            if isinstance(value, str):
                yield name
            yield from _leaves(value)
    elif isinstance(configuration, list):
        for value in configuration:
            yield from _leaves(value)


def _suggest(name: str) -> str:
    argument = _ARGUMENTS.get(name)
    if argument is not None:
        return f"{argument} is an argument of XGBoostEstimator: pass it next to xgboost_params. "
    return did_you_mean(name, _known_names())


def _describe(params: Mapping[str, Any], error: str) -> str:
    """Return what is wrong with a value, without XGBoost's stack."""
    text = re.sub(r"^\[[\d:]+\] \S+: ", "", error.partition("Stack trace")[0]).strip()
    if text.startswith("Unknown objective"):
        objective, known = params.get("objective"), _CANDIDATES.findall(text)
        return (
            f"XGBoost has no objective of this name. {did_you_mean(objective, known)}"
            f"Known: {', '.join(sorted(known))}; got: {objective!r}"
        )
    if text.startswith("Unknown metric"):
        unknown = text.rpartition(" ")[2]
        return f"XGBoost has no metric of this name. {did_you_mean(unknown, _METRICS)}eval_metric: {unknown!r}"
    if text.startswith("Unknown gbm type"):
        booster = params.get("booster")
        return f"XGBoost has no booster of this name. {did_you_mean(booster, _BOOSTERS)}booster: {booster!r}"
    words = [word.strip(" '") for found in _WORDS.findall(text) for word in found.split(",")]
    wrong = re.search(r"'(.*?)'", text)
    nearest = did_you_mean(wrong[1], words) if words and wrong else ""
    return f"XGBoost refuses a value in xgboost_params. {nearest}{' '.join(text.split())}"
