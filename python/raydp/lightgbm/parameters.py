"""Have LightGBM check the names and values of its parameters, before there is any data."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
from lightgbm.basic import _ConfigAliases

from raydp._configuration.arguments import is_whole_number
from raydp._configuration.suggestions import did_you_mean
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["list_aliases", "normalize_parameters"]

_ARGUMENTS = {
    "num_iterations": "num_boost_round",
    "early_stopping_round": "early_stopping_rounds",
    "categorical_feature": "categorical_columns",
}
"""Parameters that are arguments of the estimator."""
_NOT_HERE = (
    *("device_type", "machines", "num_machines", "machine_list_filename", "local_listen_port"),
    *(
        "monotone_constraints",
        "interaction_constraints",
        "feature_contri",
        "forcedsplits_filename",
    ),
    *("ignore_column", "cegb_penalty_feature_lazy", "cegb_penalty_feature_coupled", "forcedbins_filename"),
)
"""Parameters that depend on the machines of the workers, or on the features."""
_NO_METRIC = ("", "none", "null", "custom", "na")
_OBJECTIVES = (
    *("regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie", "binary"),
    *("multiclass", "multiclassova", "cross_entropy", "cross_entropy_lambda", "mean_squared_error", "rmse", "mae"),
)
_METRICS = (
    *("l1", "l2", "rmse", "quantile", "mape", "huber", "fair", "poisson", "gamma", "gamma_deviance", "tweedie", "auc"),
    *("average_precision", "binary_logloss", "binary_error", "auc_mu", "multi_logloss", "multi_error", "r2"),
    *("cross_entropy", "cross_entropy_lambda", "kullback_leibler"),
)
"""What to suggest for unknown names. LightGBM decides which ones it knows, but it cannot list them."""
_WRONG = ("Unknown ", "Parameter ", "Number of classes should", "Check failed: (num_class", "Cannot ")
_WRONG_IN = ("config_auto.cpp", "config.cpp", "rf.hpp")
"""How its errors about parameters begin, and in which of its files they are. Others are about the rows of the probe."""
_RANKING = ("query information", "ranking task")
_WORDS = {
    "Unknown boosting type": ("gbdt", "dart", "rf"),
    "Unknown tree learner type": ("serial", "feature", "data", "voting"),
    "Unknown data sample strategy": ("bagging", "goss"),
}


def normalize_parameters(params: Mapping[str, Any]) -> dict[str, Any]:
    """Check the user's parameters by making a booster with them, and return them by their main names.

    Raises:
        InvalidArgumentError: LightGBM does not know a name, or it refuses a value.
    """
    main_names = _main_names()
    unknown = [name for name in params if name not in main_names]
    if unknown:
        nearest = "".join(did_you_mean(name, main_names) for name in unknown)
        raise InvalidArgumentError(
            "LightGBM has no parameter of this name. "
            f"{nearest}Check lightgbm_params. Unknown: {', '.join(map(str, unknown))}"
        )
    normalized: dict[str, Any] = {}
    for name, value in params.items():
        main = main_names[name]
        if main in _ARGUMENTS:
            raise InvalidArgumentError(
                f"{_ARGUMENTS[main]} is an argument of LightGBMEstimator: pass it next to lightgbm_params, and not in "
                f"them. Got: {name}={value!r}"
            )
        if main in normalized:
            raise InvalidArgumentError(f"lightgbm_params has a parameter under two names. {main}: {name}={value!r}")
        normalized[main] = value
    _check_values(normalized)
    return normalized


def list_aliases(name: str) -> tuple[str, ...]:
    """Return the other names of a parameter."""
    return tuple(alias for alias, main in _main_names().items() if main == name and alias != name)


@functools.cache
def _main_names() -> dict[str, str]:
    """Return the main name of each parameter by each of its names."""
    # Private, but the only way to ask LightGBM for its parameters.
    aliases: Mapping[str, Iterable[str]] = _ConfigAliases._get_all_param_aliases()  # noqa: SLF001
    return {name: main for main, names in aliases.items() for name in (main, *names)}


def _check_values(params: Mapping[str, Any]) -> None:
    probe = {name: value for name, value in params.items() if name not in _NOT_HERE}
    if callable(probe.get("objective")):
        probe["objective"] = "none"
    metrics = _split(probe.pop("metric", None))
    if probe.get("objective") is None and (_is_count(probe.get("num_class")) or any(map(_is_multiclass, metrics))):
        probe["objective"] = "multiclass"  # the estimator chooses it if the label has more than two classes
    if _is_multiclass(probe.get("objective")):
        probe.setdefault("num_class", 2)  # the estimator counts the classes
    for metric in metrics or ["none"]:
        try:
            found = _compute_metrics({**probe, "metric": metric})
        except (lightgbm.basic.LightGBMError, TypeError, ValueError) as error:
            _raise_if_wrong(error, params)
            continue
        if metric.lower() not in _NO_METRIC and not found:
            nearest = did_you_mean(metric, _METRICS)
            raise InvalidArgumentError(f"LightGBM has no metric of this name. {nearest}metric: {metric!r}")


def _compute_metrics(params: Mapping[str, Any]) -> list[Any]:
    """Return the metrics of a booster without trees on a few rows, whose labels suit every objective."""
    classes = params.get("num_class")
    labels = np.arange(8) % 2 / 2 + 0.5 if classes is None else np.arange(8) % (classes if _is_count(classes) else 2)
    quiet = {"verbosity": -1, "num_threads": 1}
    rows = lightgbm.Dataset(np.arange(8.0).reshape(-1, 1), label=labels, params={**quiet})
    return list(lightgbm.Booster({**params, **quiet}, rows).eval_train())


def _is_multiclass(name: Any) -> bool:
    """Return whether an objective or a metric is for any number of classes."""
    return str(name).startswith(("multi", "softmax", "ov", "auc_mu"))


def _is_count(classes: Any) -> bool:
    return is_whole_number(classes) and classes > 1


def _split(metrics: Any) -> list[str]:
    names = metrics.split(",") if isinstance(metrics, str) else metrics or ()
    return [name.strip() for name in names if isinstance(name, str)]


def _raise_if_wrong(error: Exception, params: Mapping[str, Any]) -> None:
    """Raise InvalidArgumentError if an error of LightGBM is about a parameter, and not about the rows of the probe."""
    text = str(error).strip()
    if text.startswith("Unknown objective"):
        objective = params.get("objective")
        raise InvalidArgumentError(
            f"LightGBM has no objective of this name. {did_you_mean(objective, _OBJECTIVES)}Got: {objective!r}"
        ) from None
    if any(words in text for words in _RANKING):
        raise InvalidArgumentError(
            "LightGBM's objectives and metrics for ranking need groups of rows, which this estimator does not have. "
            f"objective: {params.get('objective')!r}, metric: {params.get('metric')!r}"
        ) from None
    in_configuration = "Check failed" in text and any(file in text for file in _WRONG_IN)
    if isinstance(error, TypeError | ValueError) or text.startswith(_WRONG) or in_configuration:
        nearest = "".join(did_you_mean(text.rpartition(" ")[2], _WORDS[one]) for one in _WORDS if text.startswith(one))
        raise InvalidArgumentError(
            f"LightGBM refuses a value in lightgbm_params. {nearest}{text.partition(' at /')[0]}"
        ) from None
