"""SklearnEstimator against scikit-learn itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from raydp._ray.internals import session_directory
from raydp.errors import InvalidArgumentError
from raydp.sklearn import SklearnEstimator
from support.fits import assert_followed

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

FEATURES = ["x", "n", "flag"]


def test_partial_fit_sees_the_blocks_in_each_epoch(
    frame: DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = SGDClassifier(loss="log_loss")
    estimator = SklearnEstimator(
        model, "kind", feature_columns=FEATURES, weight_column="w", num_epochs=3, seed=4, progress=True
    )
    result = estimator.fit(frame.coalesce(1), frame)
    assert_followed(result, capsys.readouterr().err, tmp_path, steps=3, named="evaluate-accuracy")
    logs = [path.read_text() for path in (Path(session_directory()) / "logs").glob("worker-*")]
    assert logs
    assert not any("Reporting training result" in log for log in logs)  # which Ray would show to the user
    rows = frame.toPandas()
    expected = SGDClassifier(loss="log_loss", random_state=4)
    for _ in range(3):
        expected.partial_fit(
            rows[FEATURES].to_numpy(np.float64),
            rows["kind"],
            classes=["high", "low", "middle"],
            sample_weight=rows["w"],
        )
    np.testing.assert_array_equal(estimator.get_model().coef_, expected.coef_)
    predicted = estimator.predict(frame).toPandas().set_index("id")["prediction"].loc[rows["id"]]
    assert list(predicted) == list(expected.predict(rows[FEATURES].to_numpy(np.float64)))
    assert len(result.history) == 3
    assert result.metrics["evaluate-accuracy"] == pytest.approx(estimator.evaluate(frame)["accuracy"])
    assert not hasattr(model, "coef_")
    estimator.save(tmp_path / "model")
    assert list(SklearnEstimator.load(tmp_path / "model").predict(rows)["prediction"]) == list(predicted)


def test_joblib_runs_on_ray(ray_cluster: Any, rows: pd.DataFrame) -> None:
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(8, n_jobs=2, random_state=9))
    estimator = SklearnEstimator(pipeline, "late", 2, {"CPU": 0.5}, feature_columns=FEATURES, weight_column="w")
    estimator.fit(rows)
    weights = {"randomforestclassifier__sample_weight": rows["w"]}
    expected = clone(pipeline).fit(rows[FEATURES].to_numpy(np.float64), rows["late"], **weights)
    predicted = estimator.predict(rows, probability_column="p")
    np.testing.assert_allclose(np.stack(predicted["p"]), expected.predict_proba(rows[FEATURES].to_numpy(np.float64)))
    assert set(predicted["prediction"]) == {0, 1}


def test_learning_without_labels(ray_cluster: Any, rows: pd.DataFrame) -> None:
    estimator = SklearnEstimator(KMeans(2, n_init=1), None, feature_columns=["x", "n"], seed=1)
    estimator.fit(rows)
    expected = KMeans(2, n_init=1, random_state=1).fit(rows[["x", "n"]].to_numpy(np.float64)).labels_
    assert list(estimator.predict(rows)["prediction"]) == list(expected)
    with pytest.raises(InvalidArgumentError, match="without a label"):
        estimator.evaluate(rows)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": RandomForestClassifier}, "model must be an estimator"),
        ({"model": 3}, "model must be an estimator"),
        ({"num_epochs": 0}, "num_epochs"),
        ({"callbacks": [print]}, "no callbacks"),
        ({"nulls": "keep"}, "cannot train with missing values"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        SklearnEstimator(**{"model": LinearSVC(), "label_column": "y", **arguments})


def test_missing_values_are_kept_where_the_model_takes_them() -> None:
    assert SklearnEstimator(HistGradientBoostingRegressor(), "y", nulls="keep").configuration.nulls == "keep"
