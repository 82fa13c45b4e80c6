"""A training worker killed in the middle: training goes on from its checkpoint, to the result it would have had."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
import ray.train
import xgboost

from raydp.errors import TrainingError
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

pytestmark = pytest.mark.timeout(600)  # a fit starts processes that import a framework


def killer(folder: Path, at_round: int) -> xgboost.callback.TrainingCallback:
    """A callback that writes down each round, and kills its worker in one of them, once."""

    class Killer(xgboost.callback.TrainingCallback):  # inside, so that it travels with its code
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
            rounds = model.num_boosted_rounds()
            with (folder / "rounds").open("a") as log:
                log.write(f"{rounds} ")
            mark = folder / "killed"
            if rounds == at_round and not mark.exists():
                mark.touch()
                ray.train.get_all_reported_checkpoints(timeout_s=60)  # until they count
                os.kill(os.getpid(), signal.SIGKILL)
            return False

    return Killer()


def test_a_killed_worker_resumes_from_its_checkpoint(ray_cluster: Any, rows: pd.DataFrame, tmp_path: Path) -> None:
    options: dict[str, Any] = {"feature_columns": ["x", "n"], "num_boost_round": 9, "checkpoint_every": 2}
    estimator = XGBoostEstimator({"max_depth": 3}, "y", callbacks=[killer(tmp_path, 7)], **options)
    result = estimator.fit(rows, rows, max_retries=1)
    assert (tmp_path / "rounds").read_text().split() == [str(n) for n in (1, 2, 3, 4, 5, 6, 7, 7, 8, 9)]
    matrix = xgboost.DMatrix(rows[["x", "n"]].astype("float32").to_numpy(), rows["y"], feature_names=["x", "n"])
    expected = xgboost.train({"max_depth": 3, "nthread": 1}, matrix, 9)
    assert estimator.get_model().get_dump(with_stats=True) == expected.get_dump(with_stats=True)
    course = [metrics["evaluate-rmse"] for metrics in result.history]
    assert len(course) == 9
    assert course == sorted(course, reverse=True)


def test_retries_end_and_the_next_fit_goes_on(ray_cluster: Any, rows: pd.DataFrame, tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    estimator = XGBoostEstimator(
        {"max_depth": 3},
        "y",
        feature_columns=["x"],
        num_boost_round=5,
        checkpoint_every=2,
        checkpoint_dir=str(checkpoints),
        callbacks=[killer(tmp_path, 3)],
    )
    with pytest.raises(TrainingError, match="max_retries: 0"):
        estimator.fit(rows, max_retries=0)
    assert len(list(checkpoints.iterdir())) == 1
    estimator.fit(rows, max_retries=0)
    assert (tmp_path / "rounds").read_text().split() == ["1", "2", "3", "3", "4", "5"]
    assert estimator.get_model().num_boosted_rounds() == 5
    assert list(checkpoints.iterdir()) == []
