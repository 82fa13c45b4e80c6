"""SklearnEstimator against scikit-learn itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import ray.data
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from raydp._ray.internals import session_directory
from raydp.errors import InvalidArgumentError, InvalidDataError
from raydp.sklearn import SklearnEstimator
from support.fits import assert_followed

if TYPE_CHECKING:
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


def test_columns_by_name_with_joblib_on_ray(ray_cluster: Any, rows: pd.DataFrame) -> None:
    def hour(times: pd.DataFrame) -> pd.DataFrame:
        return times.apply(lambda column: column.dt.hour)

    names = [*FEATURES, "kind", "at", "state"]
    kinds = (["kind"], make_column_selector(dtype_include="category"))
    prepare = make_column_transformer(
        (SimpleImputer(strategy="median"), ["x", "n"]),
        *((OneHotEncoder(handle_unknown="ignore"), columns) for columns in kinds),
        (FunctionTransformer(hour), make_column_selector(dtype_include=["datetime", "datetimetz"])),
        ("passthrough", make_column_selector(dtype_include=bool)),
    )
    pipeline = make_pipeline(
        prepare, StandardScaler(with_mean=False), RandomForestClassifier(8, n_jobs=2, random_state=9)
    )
    given = rows.assign(
        n=rows["n"].where(rows["id"] % 5 > 0),
        at=pd.to_datetime(rows["id"], unit="h", utc=True),
        state=(rows["id"] % 3).astype("category"),
    )
    estimator = SklearnEstimator(
        pipeline, "late", 2, {"CPU": 0.5}, feature_columns=names, weight_column="w", nulls="keep"
    )
    estimator.fit(given)
    expected = clone(pipeline).fit(given[names], given["late"], randomforestclassifier__sample_weight=rows["w"])
    new = given.assign(kind=given["kind"].where(given["id"] % 4 > 0, "new"))
    found = estimator.predict(ray.data.from_pandas([new[:100], new[100:]]), probability_column="p").to_pandas()
    found = found.set_index("id").loc[new["id"]]
    np.testing.assert_allclose(np.stack(found["p"]), expected.predict_proba(new[names]))
    assert set(found["prediction"]) == {0, 1}
    assert list(estimator.get_model().feature_names_in_) == names


def test_histogram_gradient_boosting_reads_strings_as_categories(frame: DataFrame) -> None:
    model = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=5)
    estimator = SklearnEstimator(model, "y", feature_columns=["x", "kind"])
    estimator.fit(frame)
    rows = frame.toPandas()

    def own(some: pd.DataFrame) -> pd.DataFrame:
        return some[["x", "kind"]].assign(kind=pd.Categorical(some["kind"], ["high", "low", "middle"]))

    expected = clone(model).fit(own(rows), rows["y"])
    new = frame.selectExpr("id", "x", "if(id % 3 = 0, 'new', kind) AS kind")
    found = estimator.predict(new).toPandas()
    np.testing.assert_array_equal(found["prediction"], expected.predict(own(found)))


def test_strings_need_a_model_that_reads_them(rows: pd.DataFrame) -> None:
    linear = SklearnEstimator(LinearSVC(), "late", feature_columns=["x", "kind"])
    with pytest.raises(InvalidDataError, match=r"learns from numbers only.*ColumnTransformer.*kind \(string\)"):
        linear.fit(rows)
    with pytest.raises(InvalidDataError, match=r"not a feature by itself.*at \(timestamp"):
        SklearnEstimator(HistGradientBoostingRegressor(), "y", feature_columns=["at"]).fit(
            rows.assign(at=pd.Timestamp(0))
        )


@pytest.mark.promised("Estimator.best_iteration", "AttributeError")
@pytest.mark.promised("Estimator.feature_importances_", "AttributeError")
def test_learning_without_labels(ray_cluster: Any, rows: pd.DataFrame) -> None:
    estimator = SklearnEstimator(KMeans(2, n_init=1), None, feature_columns=["x", "n"], seed=1)
    estimator.fit(rows)
    expected = KMeans(2, n_init=1, random_state=1).fit(rows[["x", "n"]].to_numpy(np.float64)).labels_
    assert list(estimator.predict(rows)["prediction"]) == list(expected)
    with pytest.raises(InvalidArgumentError, match="without a label"):
        estimator.evaluate(rows)
    for wanted in ("feature_importances_", "best_iteration"):
        with pytest.raises(AttributeError, match=wanted):
            getattr(estimator, wanted)


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
