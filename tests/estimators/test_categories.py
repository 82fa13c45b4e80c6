"""Strings and other categories as features: learned at fit, kept with the model, and the same in every frame."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import ray.data
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from raydp._estimators.data.frames import wrap_frame
from raydp._estimators.data.layout import Layout
from raydp._estimators.data.vocabulary import Encoding, Vocabulary, make_vocabulary
from raydp._estimators.training.preparation import prepare_training_rows
from raydp.errors import InvalidArgumentError, InvalidDataError
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame

ENCODINGS: tuple[Encoding, ...] = ("positions", "codes", "one_hot")


def test_spark_strings_are_xgboosts_categories(frame: DataFrame, tmp_path: Path) -> None:
    features = ["x", "kind", "n", "flag"]
    params = {"max_depth": 4, "eta": 0.5}
    estimator = XGBoostEstimator(
        params, "y", feature_columns=features, categorical_columns=["n"], num_boost_round=6, nulls="keep"
    )
    holes = frame.selectExpr("id", "x", "nullif(kind, 'low') AS kind", "n", "flag", "y")
    estimator.fit(holes)
    rows = holes.toPandas()

    def own(some: pd.DataFrame) -> xgboost.DMatrix:
        kinds = {"kind": pd.CategoricalDtype(["high", "middle"]), "n": pd.CategoricalDtype(range(-5, 5))}
        return xgboost.DMatrix(some[features].astype(kinds), some["y"], enable_categorical=True)

    expected = xgboost.train({**params, "nthread": 1}, own(rows), 6)
    assert {"kind", "n"} <= expected.get_score().keys()
    assert estimator.categories == {"kind": ["high", "middle"], "n": list(range(-5, 5))}
    new = holes.selectExpr("id", "x", "if(id % 3 = 0, 'new', kind) AS kind", "n + id % 2 AS n", "flag", "y")
    for one in (holes, new):
        found = estimator.predict(one).toPandas().sort_values("id")
        np.testing.assert_array_equal(found["prediction"], expected.predict(own(found)))
    estimator.save(tmp_path)
    loaded = XGBoostEstimator.load(tmp_path)
    assert loaded.categories == estimator.categories
    assert loaded.evaluate(new) == pytest.approx(estimator.evaluate(ray.data.from_pandas(found)))
    with pytest.raises(InvalidDataError, match=r"Changed: kind \(string in training, int64\)"):
        loaded.predict(rows.assign(kind=1))
    with pytest.raises(InvalidDataError, match=r"Changed: x \(double in training, string\)"):
        loaded.evaluate(rows.assign(x="1"))


@pytest.mark.parametrize("params", [{"tree_method": "exact"}, {"booster": "gblinear"}])
def test_xgboost_has_no_categories_with_every_method(ray_cluster: Any, rows: pd.DataFrame, params: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"only with the tree methods hist and approx.*categories: kind"):
        XGBoostEstimator(params, "y", feature_columns=["x", "kind"]).fit(rows)


def test_columns_and_labels_that_hardly_repeat_are_named_once(ray_cluster: Any, rows: pd.DataFrame) -> None:
    number = np.arange(240)
    data = rows.assign(
        name=[f"passenger {max(one, 5)}" for one in number],  # 235 names
        ticket=(number % 200).astype(str),
        code=number.astype(float),
        price=(number % 150).astype(str),
    )
    data.loc[7, "name"] = None
    features = ["name", "ticket", "code", "kind", "x"]

    def warnings_of(label: str, frame: pd.DataFrame) -> list[str]:
        options = {"feature_columns": features, "categorical_columns": ["code"], "nulls": "keep"}
        estimator = XGBoostEstimator({}, label, **options)
        with warnings.catch_warnings(record=True, action="always") as caught:
            blocks = wrap_frame(frame).store([*features, label])
            prepare_training_rows(blocks, features, estimator.configuration, estimator._learner)
        ours = [one for one in caught if "row" in str(one.message)]
        assert {one.filename for one in ours} <= {__file__}
        return [str(one.message) for one in ours]

    (columns,) = warnings_of("y", data)
    assert "leave it out with feature_columns" in columns
    expected = "name has 234 different values in 239 rows; code has 240 different values in 240 rows"
    assert columns.endswith(f"FeatureHasher). {expected}")
    _, label = warnings_of("price", data)
    assert label.endswith("cast them to double and train a regression. Label price: 150 classes in 240 rows")
    assert warnings_of("y", data[:20]) == []


VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.string(): st.text(max_size=3),
    pa.int64(): st.integers(-(2**40), 2**40),
    pa.float64(): st.floats(allow_nan=False, width=32),
    pa.bool_(): st.booleans(),
}


@given(data=st.data(), type_=st.sampled_from(list(VALUES)))
def test_vocabularies_encode_as_pandas_and_scikit_learn(data: st.DataObject, type_: pa.DataType) -> None:
    from sklearn.preprocessing import OneHotEncoder

    known = data.draw(st.sets(VALUES[type_], min_size=1, max_size=6))
    values = data.draw(st.lists(VALUES[type_] | st.sampled_from(sorted(known)) | st.none(), max_size=12))
    vocabularies = {encoding: make_vocabulary(known, type_, "c", encoding) for encoding in ENCODINGS}
    column = pa.chunked_array([pa.array(values[:5], type_), pa.array(values[5:], type_)])
    codes = pd.Categorical(values, sorted(known)).codes
    found = {}
    for encoding, vocabulary in vocabularies.items():
        found[encoding] = np.empty((len(values), vocabulary.width), np.float32)
        vocabulary.write(column, found[encoding])
    np.testing.assert_array_equal(found["positions"][:, 0], np.where(codes < 0, np.nan, codes))
    np.testing.assert_array_equal(found["codes"][:, 0], codes + 1)
    encoder = OneHotEncoder(categories=[sorted(known)], handle_unknown="ignore", sparse_output=False)
    encoder.fit(np.array(sorted(known), dtype=object)[:, None])
    if values:
        own = encoder.transform(np.array(values, dtype=object)[:, None])
        np.testing.assert_array_equal(found["one_hot"], own)


@pytest.mark.parametrize(
    ("trained", "other"),
    [
        (pa.array(["a", "b"]), pa.array(["b", "?"], pa.large_string())),
        (pa.array([1, 2]), pa.array([2.0, 2.5])),
        (pa.array([1.0, 2.0]), pa.array([2, 3], pa.int8())),
        (pa.array([1, 2]), pa.array([2, None], pa.uint16())),
        (pa.array(["a"]), pa.nulls(2)),
    ],
)
def test_categories_are_found_in_other_types(trained: pa.Array, other: pa.Array) -> None:
    positions = Vocabulary(trained, "positions").find_positions(pa.chunked_array([other]))
    assert positions.tolist() == [-1 if pa.types.is_null(other.type) else 1, -1]


def test_descriptions_tell_vocabularies_apart() -> None:
    words = [str(number) for number in range(100)]
    others = [*words[:50], "other", *words[51:]]
    found, again, different = (make_vocabulary(set(one), pa.string(), "c", "codes") for one in (words, words, others))
    assert repr(found) == repr(again) != repr(different)
    layout = Layout(("x", "c"), (1, 2), None, None, (("c", make_vocabulary({"a", "b"}, pa.string(), "c", "one_hot")),))
    assert layout.names == ["x", "c=a", "c=b"]
