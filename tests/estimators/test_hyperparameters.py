"""The Params of a stage for its estimator's hyperparameters. No cluster is needed."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pyspark.ml.tuning import ParamGridBuilder
from sklearn.ensemble import BaggingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from raydp._estimators.hyperparameters import ParameterOf
from raydp.errors import InvalidArgumentError, UnknownArgumentError
from raydp.lightgbm import LightGBMEstimator
from raydp.ml import RayEstimator
from raydp.sklearn import SklearnEstimator
from raydp.xgboost import XGBoostEstimator
from support.frameworks import frameworks_with_parameters, public_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from raydp._estimators.hyperparameters import Hyperparameter

VALUES = {"whole number": 2, "number": 0.5, "flag": True}
# "such as poisson", "gbtree, gblinear or dart", "how to choose rows: bagging or goss"
NAMED_IN_DOC = re.compile(r"such as ([\w:]+)|(?:^|: )(\w+)(?:, \w+)* or \w+$")


def value_for(one: Hyperparameter) -> Any:
    """A value of a hyperparameter; of a text, one that its documentation names."""
    if one.kind in VALUES:
        return VALUES[one.kind]
    named = NAMED_IN_DOC.search(one.doc)
    assert named, f"the doc of {one.name} names a value: 'such as x', or 'x, y or z' at its end"
    return named[1] or named[2]


@pytest.mark.parametrize("framework", frameworks_with_parameters())
def test_every_param_reaches_the_framework_which_knows_its_name(framework: str) -> None:
    kind = getattr(importlib.import_module(f"raydp.{framework}"), *public_names(framework))
    stage = RayEstimator(kind)
    defaults = {name: one.default for name, one in inspect.signature(kind).parameters.items()}
    for one in kind.hyperparameters({}):
        assert getattr(stage, f"get{one.param[0].upper()}{one.param[1:]}")() == one.default
        value = value_for(one)
        alone = stage.copy().setParams(**{one.param: value})  # the framework checks it
        given = alone._make_estimator(alone._merge_arguments())._describe()
        if isinstance(one, ParameterOf):
            assert given[one.mapping] == {one.name: value}
        else:
            assert (given[one.name], defaults[one.name]) == (value, one.default)


def test_params_override_arguments_under_any_name() -> None:
    stage = RayEstimator(XGBoostEstimator, {"xgboost_params": {"eta": 0.7, "max_depth": 2}}, labelCol="y")
    assert (stage.getLearningRate(), stage.getMaxDepth(), stage.getSubsample()) == (0.7, 2, None)
    assert stage.setLearningRate(0.1) is stage
    assert stage._merge_arguments() == {"xgboost_params": {"max_depth": 2, "learning_rate": 0.1}}
    assert stage.setMaxDepth(None)._merge_arguments() == {"xgboost_params": {"learning_rate": 0.1}}
    copied = stage.copy({stage.maxDepth: np.int64(7)})
    assert (copied.getMaxDepth(), stage.getMaxDepth(), copied.setMaxDepth(8).getMaxDepth()) == (7, None, 8)
    assert stage.setLabelCol("z").getLabelCol() == "z"
    assert "maxDepth: greatest depth of a tree; 0: no limit (default: 2, current: None)" in stage.explainParams()
    assert {"maxDepth", "getMaxDepth", "setMaxDepth"} <= set(dir(stage))
    lightgbm = RayEstimator(LightGBMEstimator, {"lightgbm_params": {"reg_lambda": 3.0}}, lambdaL2=1)
    assert lightgbm._merge_arguments() == {"lightgbm_params": {"lambda_l2": 1.0}}


@pytest.mark.promised("RayEstimator.setParams", "InvalidArgumentError", "UnknownArgumentError")
@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda stage: stage.maxDept, AttributeError, "no Param of this name: maxDept. Did you mean maxDepth"),
        (lambda stage: stage.setMaxDept(3), AttributeError, "Did you mean setMaxDepth"),
        (lambda stage: stage.max_depth, AttributeError, "Did you mean maxDepth"),
        (lambda stage: stage.eta, AttributeError, "Did you mean learningRate"),
        (lambda stage: stage.getParam("maxIter"), AttributeError, "Did you mean numBoostRound"),
        (lambda stage: stage.setParams(maxDept=3), UnknownArgumentError, "Did you mean maxDepth"),
        (lambda stage: stage.setParams(nEstimators=3), UnknownArgumentError, "Did you mean numBoostRound"),
        (lambda _: RayEstimator(XGBoostEstimator, stepSize=3), UnknownArgumentError, "Did you mean learningRate"),
        (lambda stage: stage.setMaxDepth("x"), InvalidArgumentError, "maxDepth must be a whole number; got: 'x'"),
        (lambda stage: stage.setMaxDepth(True), InvalidArgumentError, "maxDepth must be a whole number; got: True"),
        (lambda stage: stage.setMaxDepth(2.5), InvalidArgumentError, "maxDepth must be a whole number"),
        (lambda stage: stage.setGamma(None).setGamma("1"), InvalidArgumentError, "gamma must be a number"),
        (lambda stage: stage.setMaxDepth(-4), InvalidArgumentError, "max_depth should be greater equal to 0"),
        (lambda stage: stage.setObjective("reg:squarederor"), InvalidArgumentError, "Did you mean reg:squarederror"),
        (lambda stage: stage.setNumWorkers(0), InvalidArgumentError, "num_workers must be a whole number"),
        (lambda stage: stage.set(stage.maxDepth, "x"), InvalidArgumentError, "must be a whole number"),
        (
            lambda stage: ParamGridBuilder().addGrid(stage.maxDepth, [3, "deep"]).build(),
            InvalidArgumentError,
            "maxDepth must be a whole number; got: 'deep'",
        ),
        (
            lambda stage: stage.setArguments({"xgboost_params": {"eta": 0.1}}).setLearningRate(0.2),
            InvalidArgumentError,
            "The Param learningRate and the Param arguments both have learning_rate",
        ),
    ],
)
def test_wrong_params(call: Callable[[Any], Any], error: type[Exception], words: str) -> None:
    stage = RayEstimator(XGBoostEstimator, maxDepth=3)
    with pytest.raises(error, match=words):
        call(stage)
    assert stage.getMaxDepth() == 3


def test_all_maps_are_checked_before_the_first_fit() -> None:
    stage = RayEstimator(XGBoostEstimator, labelCol="y")
    with pytest.raises(InvalidArgumentError, match="max_depth should be greater"):
        stage.fit(None, [{stage.maxDepth: 3}, {stage.maxDepth: -3}])  # type: ignore[arg-type]


def test_the_parameters_of_a_model_of_scikit_learn() -> None:
    stage = RayEstimator(SklearnEstimator, {"model": RandomForestRegressor(7)}, maxDepth=3)
    assert (stage.getNEstimators(), stage.getMaxDepth(), stage.getNumEpochs()) == (7, 3, 1)
    assert stage.setNEstimators(5)._merge_arguments()["model"].get_params()["n_estimators"] == 5
    with pytest.raises(InvalidArgumentError, match="'n_estimators' parameter of RandomForestRegressor"):
        stage.setNEstimators(-1)
    with pytest.raises(AttributeError, match="Did you mean nEstimators"):
        _ = stage.n_estimators
    stage = RayEstimator(SklearnEstimator, {"model": make_pipeline(StandardScaler(), Ridge(3))})
    stage.setParams(ridge__alpha=2, ridge=Ridge(5, tol=0.1))
    assert repr(stage._merge_arguments()["model"][-1]) == "Ridge(alpha=2, tol=0.1)"
    other = stage.copy({stage.arguments: {"model": BaggingRegressor(Ridge())}})
    with pytest.raises(InvalidArgumentError, match=r"The model has no parameter of this name.*Name: ridge"):
        other._merge_arguments()
    assert RayEstimator(SklearnEstimator, {"model": BaggingRegressor(Ridge())}, estimator__alpha=2).hasParam("nJobs")
