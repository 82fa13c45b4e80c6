"""Estimators and results look like something in a console and in a notebook."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from sklearn.linear_model import Ridge

import raydp._estimators.figures
from raydp.estimator import Configuration, Estimator, Evaluation, FitResult
from raydp.sklearn import SklearnEstimator
from raydp.tune import TuneResult
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from pathlib import Path

HISTORY = [{"train-rmse": 2.0, "evaluate-rmse": 2.5}, {"train-rmse": 1.0, "evaluate-rmse": 1.25}]


def result() -> FitResult:
    return FitResult(HISTORY, 12_345, {"convert": 1.0, "check": 0.5, "train": 3.0})


def test_an_estimator_says_what_the_user_chose() -> None:
    estimator = XGBoostEstimator({"max_depth": 3}, "fare", 2, seed=7, num_boost_round=200)
    assert repr(estimator) == (
        "XGBoostEstimator(xgboost_params={'max_depth': 3}, num_boost_round=200, label_column='fare', num_workers=2, "
        "seed=7, fitted=False)"
    )
    assert "model=Ridge(alpha=0.5)" in repr(SklearnEstimator(Ridge(0.5), "fare"))
    html = XGBoostEstimator({}, "<b>")._repr_html_()
    assert "<table>" in html
    assert "&lt;b&gt;" in html


def test_a_long_value_is_cut() -> None:
    estimator = XGBoostEstimator({}, "y", feature_columns=[f"column_{index}" for index in range(1000)])
    assert len(repr(estimator)) < 400


def test_a_result_says_what_was_trained() -> None:
    assert repr(result()) == "FitResult(2 rounds on 12,345 rows in 4.5 s: train-rmse=1, evaluate-rmse=1.25)"
    assert repr(FitResult([{}], 5, {}, "epoch")) == "FitResult(1 epoch on 5 rows in 0.0 s)"
    assert repr(FitResult([], 5, {}, "fit")) == "FitResult(5 rows in 0.0 s; fit computes metrics on evaluate_ds)"
    assert repr(FitResult([{"evaluate-r2": 1.0}], 5, {}, "fit")) == "FitResult(5 rows in 0.0 s: evaluate-r2=1)"
    assert repr(FitResult([{}], 5, {}, retries=2)) == "FitResult(1 round on 5 rows in 0.0 s, 2 retries)"
    stopped = FitResult([*HISTORY, {"train-rmse": 0.5, "evaluate-rmse": 3.0}], 5, {}, best_step=2)
    assert repr(stopped) == ("FitResult(3 rounds, the best is 2, on 5 rows in 0.0 s: train-rmse=1, evaluate-rmse=1.25)")
    assert stopped.plot().axes[0].get_title() == "rmse after 2 rounds: train 1, evaluate 1.25"
    html = result()._repr_html_()
    assert "evaluate-rmse</th>" in html
    assert "data:image/png;base64," in html
    assert "<img" not in FitResult([{}], 5, {})._repr_html_()


def test_curves_are_drawn_into_a_file_or_returned(tmp_path: Path) -> None:
    path = result().plot(tmp_path / "new" / "curves.svg")
    assert "<svg" in path.read_text()
    axes = result().plot().axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("round", "rmse")
    assert axes.get_title() == "rmse after 2 rounds: train 1, evaluate 1.25"


def test_a_notebook_shows_curves_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shells: Any = pytest.importorskip("IPython.core.interactiveshell")
    capture: Any = pytest.importorskip("IPython.utils.capture")
    monkeypatch.setattr(raydp._estimators.figures, "is_notebook", lambda: True)
    shell = shells.InteractiveShell.instance()
    try:
        shell.push({"result": result()})
        for cell in ("result.plot()", "result.plot(); 3", "figure = result.plot()"):
            with capture.capture_output() as shown:
                shell.run_cell(cell)
            assert [sorted(one.data)[0] for one in shown.outputs if "image/png" in one.data] == ["image/png"], cell
    finally:
        shells.InteractiveShell.clear_instance()


def test_the_result_of_a_search_is_short() -> None:
    trials = pd.DataFrame({"rmse": [0.5, 0.6], "config/depth": [3, 4], "time_this_iter_s": [1.0, 2.0]})
    found = TuneResult(None, {"depth": 3}, {"rmse": 0.5}, trials)
    assert repr(found) == "TuneResult(2 trials, best_config={'depth': 3}: rmse=0.5)"
    html = found._repr_html_()
    assert "config/depth" in html
    assert "time_this_iter_s" not in html


def test_classes_are_pickled_by_their_public_names() -> None:
    """A class that cloudpickle copies is another one in a worker."""
    program = (
        "import cloudpickle, raydp.xgboost as x, raydp._estimators.estimator as e\n"
        "from raydp._estimators.training.result import FitResult\n"
        "for kind in (x.XGBoostEstimator, e.Estimator, e.EstimatorInterface, e.SparkEstimatorInterface, FitResult):\n"
        "    assert len(cloudpickle.dumps(kind)) < 100, kind\n"
        "    assert cloudpickle.loads(cloudpickle.dumps(kind)) is kind\n"
        "print('same')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout == "same\n", done.stderr


def test_classes_are_known_by_their_public_modules() -> None:
    assert {kind.__module__ for kind in (Configuration, Estimator, Evaluation, FitResult)} == {"raydp.estimator"}
    assert XGBoostEstimator.__module__ == "raydp.xgboost"
