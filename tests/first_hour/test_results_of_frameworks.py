"""What people ask a trained model for, compared with the framework's own result on the same rows."""

from __future__ import annotations

import sys
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import ray.data
import xgboost
from sklearn import metrics

from raydp.errors import InvalidArgumentError, MissingRequirementError
from raydp.lightgbm import LightGBMEstimator
from raydp.xgboost import XGBoostEstimator

FEATURES = ["x", "n", "noise", "carrier"]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    random = np.random.default_rng(3)
    frame = pd.DataFrame({name: random.normal(size=300) for name in FEATURES[:3]})
    frame["carrier"] = random.choice(["UA", "AA", "DL", "WN", "B6"], 300)
    delay = frame["carrier"].map({"UA": 2, "AA": -3, "DL": 0, "WN": 2, "B6": -2})
    frame["y"] = 3 * frame["x"] - frame["n"] + delay + random.normal(scale=1.5, size=300)
    frame["late"] = np.where(frame["y"] > 0, "yes", "no")
    frame["w"] = random.random(300) + 0.5
    return frame


def with_categories(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the features as the frameworks themselves want them: strings as pandas' categories."""
    return rows[FEATURES].assign(carrier=pd.Categorical(rows["carrier"], ["AA", "B6", "DL", "UA", "WN"]))


@pytest.fixture(scope="module")
def classifier(ray_cluster: Any, rows: pd.DataFrame) -> XGBoostEstimator:
    estimator = XGBoostEstimator(
        {"max_depth": 3, "eta": 0.5, "objective": "binary:logistic"},
        "late",
        feature_columns=FEATURES,
        weight_column="w",
        num_boost_round=40,
        early_stopping_rounds=3,
    )
    estimator.fit(rows[:200], rows[200:])
    return estimator


def test_importances_and_the_best_round_of_xgboost(classifier: XGBoostEstimator, rows: pd.DataFrame) -> None:
    parts = (rows[:200], rows[200:])
    train, test = (
        xgboost.DMatrix(with_categories(one), label=one["late"] == "yes", weight=one["w"], enable_categorical=True)
        for one in parts
    )
    expected = xgboost.train(
        {"max_depth": 3, "eta": 0.5, "objective": "binary:logistic"},
        train,
        40,
        evals=[(test, "evaluate")],
        early_stopping_rounds=3,
        verbose_eval=False,
    )
    assert classifier.best_iteration == expected.best_iteration < 39
    gains = expected[: expected.best_iteration + 1].get_score(importance_type="gain")
    total = sum(gains.values())
    importances = classifier.feature_importances_
    assert list(importances.index) == FEATURES
    np.testing.assert_allclose(importances, [gains[name] / total for name in FEATURES], rtol=1e-4)
    assert gains["carrier"] > 0
    assert classifier.categories == {"carrier": ["AA", "B6", "DL", "UA", "WN"]}
    new = rows.assign(carrier=rows["carrier"].where(rows.index % 3 > 0, "ZZ"))  # one that training did not have
    missing = xgboost.DMatrix(with_categories(new), enable_categorical=True)
    last = (0, expected.best_iteration + 1)
    probabilities = classifier.predict(new, probability_column="p", probability_of="yes")["p"]
    np.testing.assert_array_equal(probabilities, expected.predict(missing, iteration_range=last))


def test_metrics_by_name_and_by_function(classifier: XGBoostEstimator, rows: pd.DataFrame) -> None:
    predicted = classifier.predict(rows, probability_column="p", probability_of="yes")
    labels, chosen, probabilities, weights = predicted["late"], predicted["prediction"], predicted["p"], rows["w"]
    assert list(predicted.columns) == [*rows.columns, "p", "prediction"]
    assert probabilities.dtype == np.float64
    assert list(chosen) == list(np.where(probabilities > 0.5, "yes", "no"))
    kappa = metrics.make_scorer(metrics.cohen_kappa_score)
    found = classifier.evaluate(
        rows,
        metrics={
            "f1": "f1",
            "pr_auc": "pr_auc",
            "auc": "auc",
            "area": "auc",
            "neg_brier_score": "neg_brier_score",
            "kappa": kappa,
            "share": lambda given, answer: (given == answer).mean(),
        },
    )
    expected = {
        "f1": metrics.f1_score(labels, chosen, pos_label="yes", sample_weight=weights),
        "pr_auc": metrics.average_precision_score(labels == "yes", probabilities, sample_weight=weights),
        "neg_brier_score": -metrics.brier_score_loss(labels == "yes", probabilities, sample_weight=weights),
        "kappa": metrics.cohen_kappa_score(labels, chosen, sample_weight=weights),
        "share": (labels == chosen).mean(),
        "auc": metrics.roc_auc_score(labels == "yes", probabilities, sample_weight=weights),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name
    assert found["area"] == found["auc"]
    assert {"accuracy", "logloss"} <= set(found)
    assert classifier.evaluate(rows, metrics=[metrics.balanced_accuracy_score])["balanced_accuracy_score"] > 0.5


def test_the_confusion_matrix_and_the_calibration_of_all_blocks(
    classifier: XGBoostEstimator, rows: pd.DataFrame
) -> None:
    predicted = classifier.predict(rows, probability_column="p", probability_of="yes")
    found = classifier.evaluate(ray.data.from_pandas([rows[:90], rows[90:170], rows[170:]]))
    expected = metrics.confusion_matrix(predicted["late"], predicted["prediction"], sample_weight=rows["w"])
    np.testing.assert_allclose(found.confusion_matrix, expected)
    assert found.confusion_matrix.loc["no", "yes"] == pytest.approx(expected[0, 1])
    bins = pd.cut(predicted["p"], np.linspace(0, 1, 11), include_lowest=True)
    for (_, group), (_, row) in zip(predicted.groupby(bins, observed=True), found.calibration.iterrows(), strict=True):
        assert row["mean_predicted"] == pytest.approx(np.average(group["p"], weights=group["w"]))
        assert row["fraction_of_positives"] == pytest.approx(np.average(group["late"] == "yes", weights=group["w"]))
    assert found["accuracy"] == pytest.approx(np.trace(expected) / expected.sum())


def test_wrong_metrics(classifier: XGBoostEstimator, rows: pd.DataFrame) -> None:
    for wrong, words in (
        (["f1_scor"], "no metric of this name.*Did you mean f1"),
        (["rmse"], "regression and of a classification differ. Not available: rmse"),
        (["neg_mean_pinball_loss"], "no metric of this name"),
        ("f1", "takes a list"),
        ([3], "no metric of this name"),
        ([metrics.mean_absolute_error], "cannot be computed.*mean_absolute_error"),
    ):
        with pytest.raises(InvalidArgumentError, match=words):
            classifier.evaluate(rows, metrics=wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match=r"probability_of must be one of the classes.*'no', 'yes'"):
        classifier.predict(rows, probability_column="p", probability_of=1)
    with pytest.raises(InvalidArgumentError, match="set probability_column"):
        classifier.predict(rows, probability_of="yes")


@pytest.mark.promised("Estimator.evaluate", "MissingRequirementError")
def test_metrics_of_a_missing_package(
    classifier: XGBoostEstimator, rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    with pytest.raises(MissingRequirementError, match=r"raydp\[sklearn\].*Metric: 'f1'"):
        classifier.evaluate(rows, metrics=["accuracy", "f1"])


def test_a_regression_of_lightgbm(ray_cluster: Any, rows: pd.DataFrame) -> None:
    params = {"objective": "quantile", "alpha": 0.9, "num_leaves": 7, "min_data_in_leaf": 5, "min_data_per_group": 5}
    estimator = LightGBMEstimator(params, "y", feature_columns=FEATURES, num_boost_round=12)
    estimator.fit(rows)
    expected = lightgbm.train(
        {**params, "verbosity": -1, "num_threads": 1}, lightgbm.Dataset(with_categories(rows), rows["y"]), 12
    )
    np.testing.assert_array_equal(estimator.feature_importances_, expected.feature_importance())
    assert expected.feature_importance()[3] > 0
    new = rows.assign(carrier=rows["carrier"].where(rows.index % 3 > 0, "ZZ"))
    np.testing.assert_array_equal(estimator.predict(new)["prediction"], expected.predict(with_categories(new)))
    assert estimator.best_iteration == 11
    found = estimator.evaluate(rows, metrics={"p90": metrics.make_scorer(metrics.mean_pinball_loss, alpha=0.9)})
    loss = metrics.mean_pinball_loss(rows["y"], expected.predict(with_categories(rows)), alpha=0.9)
    assert found["p90"] == pytest.approx(loss)
    assert estimator.evaluate(rows, ["neg_mean_absolute_error"])["neg_mean_absolute_error"] == -found["mae"]
