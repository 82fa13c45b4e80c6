"""A wrong name or value for a framework is refused when the estimator is made, with the nearest right name."""

from __future__ import annotations

import functools
import inspect
import pydoc
from typing import Any

import pytest
from sklearn.linear_model import Ridge

from raydp import tune
from raydp.errors import InvalidArgumentError
from raydp.lightgbm import LightGBMEstimator
from raydp.lightgbm.parameters import normalize_parameters
from raydp.ml import RayEstimator
from raydp.sklearn import SklearnEstimator
from raydp.xgboost import XGBoostEstimator


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"max_dept": 3}, "no parameter of this name. Did you mean max_depth.*Unknown: max_dept"),
        ({"max_dept": 3, "verbosity": 0}, "Did you mean max_depth"),
        ({"objective": "binary:logistc"}, "no objective.*Did you mean binary:logistic"),
        ({"objective": print}, "no objective of this name. Known: binary:hinge"),
        ({"eval_metric": "aucc"}, "no metric of this name. Did you mean auc"),
        ({"eval_metric": ["rmse", "loglos"]}, "Did you mean logloss"),
        ({"max_depth": "deep"}, "max_depth expect int but value='deep'"),
        ({"eta": -1}, "value -1 for Parameter learning_rate"),
        ({"tree_method": "histt"}, "Did you mean hist.*'histt'"),
        ({"booster": "gbtre"}, "Did you mean gbtree"),
        ({"device": "cudda"}, "`device`.*`cudda`"),
        ({"n_estimators": 100}, "num_boost_round is an argument of XGBoostEstimator"),
        ({"early_stopping_rounds": 3}, "early_stopping_rounds is an argument"),
        ({1: 2}, "mapping of names"),
    ],
)
def test_parameters_of_xgboost(params: Any, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words) as caught:
        XGBoostEstimator(params, "y")
    assert "Stack trace" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"objective": "multi:softprob"},
        {"objective": "multi:softmax", "num_class": 3, "eval_metric": ["mlogloss", "merror"]},
        {"objective": "reg:tweedie", "tweedie_variance_power": 1.2},
        {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.9]},
        {"objective": "rank:ndcg", "lambdarank_pair_method": "mean", "eval_metric": "ndcg@3"},
        {"booster": "dart", "rate_drop": 0.1},
        {"booster": "gblinear", "feature_selector": "cyclic", "lambda": 1, "alpha": 0.1},
        {"monotone_constraints": {"x": 1}, "interaction_constraints": [["x", "n"]]},
        {"device": "cuda", "tree_method": "hist", "max_bin": 64},
        {"nthread": 2, "seed": 3, "verbosity": 0, "base_score": 0.5, "scale_pos_weight": 3},
        {"reg_alpha": 1, "colsample_bylevel": 0.3, "min_split_loss": 3, "grow_policy": "lossguide", "max_leaves": 5},
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_xgboost_accepts(params: Any) -> None:
    XGBoostEstimator(params, "y")


def test_parameters_that_xgboost_does_not_use_together() -> None:
    with pytest.warns(UserWarning, match="does not use these parameters together.*max_depth") as warned:
        XGBoostEstimator({"booster": "gblinear", "max_depth": 3}, "y")
    assert warned[0].filename == __file__


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"num_leavs": 3}, "no parameter of this name. Did you mean num_leaves.*Unknown: num_leavs"),
        ({"objective": "binry"}, "no objective of this name. Did you mean binary"),
        ({"application": "binry"}, "no objective of this name. Did you mean binary"),
        ({"objective": "lambdarank"}, "need groups of rows"),
        ({"metric": "map"}, "need groups of rows"),
        ({"metric": "aucc"}, "no metric of this name. Did you mean auc"),
        ({"metric": "auc,fooo", "objective": "binary"}, "no metric of this name.*'fooo'"),
        ({"num_leaves": "many"}, "num_leaves should be of type int"),
        ({"learning_rate": -1}, r"learning_rate\) > \(0.0\)"),
        ({"boosting": "gbdtt"}, "Did you mean gbdt"),
        ({"n_estimators": 5}, "num_boost_round is an argument of LightGBMEstimator"),
        ({"early_stopping": 5}, "early_stopping_rounds is an argument of LightGBMEstimator"),
        ({"objective": "binary", "app": "binary"}, "under two names. objective"),
    ],
)
def test_parameters_of_lightgbm(params: Any, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        LightGBMEstimator(params, "y")


@pytest.mark.parametrize(
    "params",
    [
        {"objective": "multiclass", "metric": "auc_mu,multi_logloss"},
        {"objective": "multiclass", "num_class": 3},
        {"objective": "gamma"},
        {"num_class": 3, "metric": "multi_logloss"},
        {"metric": ["multi_error", "auc_mu"]},
        {"objective": "cross_entropy", "metric": ["auc", "None"]},
        {"objective": "quantile", "alpha": 0.3},
        {"objective": print},
        {"monotone_constraints": [1, -1], "interaction_constraints": [[0, 1]]},
        {"device": "gpu", "tree_learner": "voting", "num_machines": 2, "machines": "a:1,b:2"},
        {"bagging_freq": 1, "subsample": 0.5, "lambda_l2": 1, "verbosity": 1, "seed": 3},
    ],
)
def test_what_lightgbm_accepts_in_silence(params: Any, capfd: pytest.CaptureFixture[str]) -> None:
    LightGBMEstimator(params, "y")
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_lightgbm_parameters_have_one_name_each() -> None:
    given = {"app": "binary", "num_classes": 2, "shrinkage_rate": 0.1}
    assert normalize_parameters(given) == {"objective": "binary", "num_class": 2, "learning_rate": 0.1}


def test_models_of_scikit_learn() -> None:
    from sklearn.linear_model import Ridge
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with pytest.raises(InvalidArgumentError, match=r"not its class: pass Ridge\(\)"):
        SklearnEstimator(Ridge, "y")
    with pytest.raises(InvalidArgumentError, match=r"ridge: The 'solver' parameter of Ridge must be.*'svdd'"):
        SklearnEstimator(make_pipeline(StandardScaler(), Ridge(solver="svdd")), "y")
    with pytest.raises(InvalidArgumentError, match=r"no sample_weight.*KNeighborsRegressor.*'w'"):
        SklearnEstimator(KNeighborsRegressor(), "y", weight_column="w")


def test_objects_of_pytorch() -> None:
    torch: Any = pytest.importorskip("torch", reason="the torch extra is not installed")
    from raydp.torch import TorchEstimator

    good = {"model": torch.nn.Linear(1, 1), "optimizer": torch.optim.Adam, "loss": torch.nn.MSELoss}
    scheduler = torch.optim.lr_scheduler.StepLR
    TorchEstimator(**good, label_column="y", lr_scheduler_creator=functools.partial(scheduler, step_size=2))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"optimizer": "adam"}, "Did you mean torch.optim.Adam"),
        ({"loss": "mse"}, "Did you mean torch.nn.MSELoss"),
        ({"loss": "crossentropy"}, "Did you mean torch.nn.CrossEntropyLoss"),
        ({"optimizer": torch.nn.MSELoss}, "optimizer must be an optimizer"),
        ({"loss": torch.optim.Adam}, "loss must be a loss"),
        ({"model": torch.nn.MSELoss()}, "model must be a module"),
        ({"model": torch.nn.Linear}, "cannot call this model.*out_features"),
        ({"optimizer": functools.partial(torch.optim.SGD, learning_rat=1)}, "no argument of this name: learning_rat"),
        ({"optimizer": lambda: None}, "cannot call this optimizer"),
        ({"lr_scheduler_creator": scheduler}, "cannot call this lr_scheduler_creator.*step_size"),
        ({"lr_scheduler_creator": 3}, "lr_scheduler_creator must be a function"),
        ({"scheduler_step_freq": "epochs"}, "Did you mean epoch"),
        ({"feature_types": "float32"}, "Did you mean torch.float32"),
        ({"label_type": "int64"}, "Did you mean torch.int64"),
    ]
    for changes, words in wrong:
        with pytest.raises(InvalidArgumentError, match=words):
            TorchEstimator(**{**good, "label_column": "y", **changes})


def test_objects_of_keras() -> None:
    keras: Any = pytest.importorskip("keras", reason="the tf extra is not installed")
    pytest.importorskip("tensorflow", reason="the tf extra is not installed")
    from raydp.tf import TFEstimator

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    good = {"model": model, "optimizer": keras.optimizers.Adam, "loss": "mse"}
    for label in ({"label_column": "y"}, {"label_columns": "y"}, {"label_columns": ["y"], "label_column": "y"}):
        assert TFEstimator(**good, **label).configuration.label_column == "y"
    stage = RayEstimator(TFEstimator, {**good, "num_epochs": 2}, labelCol="y")
    assert stage.getLabelCol() == "y"
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"optimizer": "adamm"}, "Did you mean Adam"),
        ({"optimizer": {"class_name": "Adamm", "config": {}}}, "Did you mean Adam"),
        ({"loss": "binary_crossentopy"}, "Did you mean BinaryCrossentropy"),
        ({"metrics": ["acuracy"]}, "Did you mean Accuracy"),
        ({"metrics": keras.metrics.AUC()}, "metrics takes a list"),
        ({"callbacks": keras.callbacks.TerminateOnNaN()}, "callbacks takes a list"),
        ({"label_columns": "z"}, r"must name one column.*\['z', 'y'\]"),
    ]
    for changes, words in wrong:
        with pytest.raises(InvalidArgumentError, match=words):
            TFEstimator(**{**good, "label_column": "y", **changes})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: XGBoostEstimator({}, "y", epochs=3), "XGBoostEstimator has no argument of this name: epochs"),  # type: ignore[call-arg]
        (lambda: XGBoostEstimator(xgb_params={}, label="y"), "Did you mean xgboost_params.*Did you mean label_column"),  # type: ignore[call-arg]
        (lambda: LightGBMEstimator({}, label_columns="y"), "Did you mean label_column"),  # type: ignore[call-arg]
        (lambda: XGBoostEstimator({}, "y").predict(None, prediction_col="p"), "Did you mean prediction_column"),  # type: ignore[call-arg]
        (lambda: XGBoostEstimator({}, "y").fit(None, evaluate_df=None), "Did you mean evaluate_ds"),  # type: ignore[call-arg]
        (lambda: RayEstimator(XGBoostEstimator, {"xgb_params": {}}), "Did you mean xgboost_params"),
        (lambda: RayEstimator(XGBoostEstimator, labelcol="y"), "Did you mean labelCol"),
        (
            lambda: RayEstimator(SklearnEstimator, model=Ridge(), featuresCol="x", alpha=0.5),
            r'^These are arguments of SklearnEstimator,.* Pass them as arguments=\{"model": …\}.* Got: model$',
        ),
        (
            lambda: RayEstimator(XGBoostEstimator, callbacks=[], maxDepth=3).setParams(nulls="keep"),
            r'arguments of XGBoostEstimator,.*arguments=\{"callbacks": …\}',
        ),
        (lambda: RayEstimator(SklearnEstimator, alpha=0.5), "no argument of this name: alpha"),
        (lambda: tune.fit(XGBoostEstimator, {}, None, None, metrics="rmse"), "Did you mean metric"),  # type: ignore[call-arg]
        (
            lambda: tune.fit(lambda depth: XGBoostEstimator({"max_depth": depth}, "y"), {"dept": 3}, 0, 0, metric="r2"),
            "^The lambda that makes the estimator has no argument of this name: dept. Did you mean depth",
        ),
        (
            lambda: tune.fit(lambda depth, eta: XGBoostEstimator({}, f"{depth}{eta}"), {"eta": 3}, 0, 0, metric="r2"),
            "search space lacks.*Missing: depth",
        ),
    ],
)
def test_an_argument_that_does_not_exist(call: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        call()


def test_a_stage_checks_the_arguments_of_its_estimator() -> None:
    with pytest.raises(InvalidArgumentError, match="Did you mean max_depth"):
        RayEstimator(XGBoostEstimator, {"xgboost_params": {"max_dept": 3}})
    stage = RayEstimator(XGBoostEstimator, {"num_boost_round": 3})  # the grid brings what is missing
    with pytest.raises(TypeError, match="Did you mean num_boost_round"):
        stage.setArguments({"num_boost_rounds": 3})
    with pytest.raises(InvalidArgumentError, match="num_boost_round must be a whole number"):
        stage.setArguments({"xgboost_params": {}, "num_boost_round": 0})
    with pytest.raises(InvalidArgumentError, match="arguments must be a mapping"):
        RayEstimator(XGBoostEstimator, [("num_boost_round", 3)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nulls": "dorp"}, "Did you mean drop"),
        ({"placement_strategy": "spred"}, "Did you mean SPREAD"),
        ({"start_timeout": "60"}, "start_timeout must be a positive number"),
        ({"feature_columns": 5}, "feature_columns takes a list"),
        ({"callbacks": 5}, "callbacks takes a list"),
        ({"progress": "yes"}, "progress must be True, False or None"),
    ],
)
def test_values_of_options(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        XGBoostEstimator({}, "y", **changes)


def test_help_shows_every_option_with_its_type_and_its_default() -> None:
    for kind in (XGBoostEstimator, LightGBMEstimator, SklearnEstimator):
        parameters = inspect.signature(kind).parameters
        assert all(one.kind is not one.VAR_KEYWORD for one in parameters.values())
        assert parameters["start_timeout"].default == 60.0
        assert parameters["checkpoint_every"].default == (1 if kind is SklearnEstimator else 10)
        text = pydoc.render_doc(kind, renderer=pydoc.plaintext)
        assert "nulls: Literal['error', 'drop', 'fill', 'keep'] = 'error'" in text
        assert "      seed: Seed of everything random in training" in text
        assert "raydp._" not in text
        assert "**options" not in text


def test_completion_in_a_notebook_shows_every_option() -> None:
    shells: Any = pytest.importorskip("IPython.core.interactiveshell")
    completer: Any = pytest.importorskip("IPython.core.completer")
    shell = shells.InteractiveShell()
    shell.push({"XGBoostEstimator": XGBoostEstimator})
    for written, option in (("XGBoostEstimator(nul", "nulls="), ("XGBoostEstimator({}, 'y', start", "start_timeout=")):
        with completer.provisionalcompleter():
            found = [one.text for one in shell.Completer.completions(written, len(written))]
        assert option in found
