"""LightGBMEstimator against LightGBM itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

lightgbm = pytest.importorskip("lightgbm", reason="the lightgbm extra is not installed")

from raydp.errors import InvalidArgumentError  # noqa: E402
from raydp.lightgbm import LightGBMEstimator  # noqa: E402
from support.fits import assert_followed  # noqa: E402
from support.killing import step_done, steps_done  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from pyspark.sql import DataFrame

FEATURES = ["x", "n", "flag"]
PARAMS = {"num_leaves": 7, "min_data_in_leaf": 5, "learning_rate": 0.3}


def killer(folder: Path, at_round: int) -> Any:
    def kill_once(env: Any) -> None:
        step_done(folder, env.model.num_trees(), kill_at=(at_round,))

    return kill_once


def test_one_worker_killed_once_gives_lightgbms_own_predictions(frame: DataFrame, tmp_path: Path) -> None:
    estimator = LightGBMEstimator(
        PARAMS, "y", feature_columns=FEATURES, weight_column="w", num_boost_round=6, seed=3, checkpoint_every=2,
        callbacks=[killer(tmp_path, 5)],
    )  # fmt: skip
    result = estimator.fit(frame, max_retries=1)
    assert steps_done(tmp_path) == [1, 2, 3, 4, 5, 5, 6]
    rows = frame.toPandas()
    data = lightgbm.Dataset(rows[FEATURES].to_numpy(np.float64), rows["y"], weight=rows["w"])
    params = {**PARAMS, "seed": 3, "deterministic": True, "num_threads": 1, "verbosity": -1}
    expected = lightgbm.train(params, data, 6).predict(rows[FEATURES].to_numpy(np.float64))
    found = estimator.predict(frame).toPandas().set_index("id")["prediction"].loc[rows["id"]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert [sorted(metrics) for metrics in result.history] == [["train-l2"]] * 6
    estimator.save(tmp_path / "model")
    again = LightGBMEstimator.load(tmp_path / "model").predict(rows)["prediction"]
    np.testing.assert_array_equal(again, found)
    assert lightgbm.Booster(model_file=tmp_path / "model" / "model.txt").num_trees() == 6


def test_two_workers_stop_early_with_the_best_model(
    ray_cluster: Any, rows: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, evaluate = rows[rows["id"] < 120], rows[rows["id"] >= 180]
    params = {"num_leaves": 15, "min_data_in_leaf": 1, "learning_rate": 0.5}
    estimator = LightGBMEstimator(
        params, "kind", 2, feature_columns=["x"], num_boost_round=60, early_stopping_rounds=3, seed=1,
        checkpoint_every=1, progress=True,
    )  # fmt: skip
    result = estimator.fit(train, evaluate)
    assert_followed(result, capsys.readouterr().err, tmp_path, steps=60, named="evaluate-multi_logloss")
    course = [metrics["evaluate-multi_logloss"] for metrics in result.history]
    best = int(np.argmin(course))
    assert len(course) == best + 1 + 3 < 60
    assert (result.best_step, result.best_metrics) == (best + 1, result.history[best])
    assert estimator.classes == ["high", "low", "middle"]
    assert estimator.get_model().num_trees() == 3 * (best + 1)
    assert estimator.evaluate(evaluate)["logloss"] == pytest.approx(min(course), rel=1e-6)
    predicted = estimator.predict(evaluate, probability_column="p")
    assert set(predicted["prediction"]) <= {"high", "low", "middle"}
    np.testing.assert_allclose(np.stack(predicted["p"]).sum(axis=1), 1.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lightgbm_params": 3}, "lightgbm_params must be a mapping"),
        ({"label_column": 3}, "label_column must be"),
        ({"num_boost_round": 0}, "num_boost_round must be"),
        ({"early_stopping_rounds": "soon"}, "early_stopping_rounds must be"),
        ({"callbacks": ["log"]}, "callbacks takes functions"),
    ],
)
def test_wrong_arguments(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        LightGBMEstimator(**{"lightgbm_params": {}, "label_column": "y", **changes})


def test_a_binary_objective_with_three_classes(ray_cluster: Any, rows: pd.DataFrame) -> None:
    with pytest.raises(InvalidArgumentError, match="use multiclass"):
        LightGBMEstimator({"objective": "binary"}, "kind", feature_columns=["x"]).fit(rows)
