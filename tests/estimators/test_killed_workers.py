"""A training worker killed in the middle: training goes on from its checkpoint, to the result it would have had."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import ray
import xgboost
from ray.util import placement_group_table

from raydp.errors import TrainingError
from raydp.xgboost import XGBoostEstimator
from support.datasets import eventually
from support.killing import step_done, steps_done

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def killer(folder: Path, *rounds: int) -> xgboost.callback.TrainingCallback:
    """A callback that writes down each round, and kills its worker in some of them, once each."""

    class Killer(xgboost.callback.TrainingCallback):  # inside, so that it travels with its code
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
            step_done(folder, model.num_boosted_rounds(), kill_at=rounds)
            return False

    return Killer()


def checkpointed(folder: Path, rounds: int, callback: xgboost.callback.TrainingCallback) -> XGBoostEstimator:
    """An estimator that keeps every second round in a folder."""
    return XGBoostEstimator(
        {"max_depth": 3},
        "y",
        feature_columns=["x", "n"],
        num_boost_round=rounds,
        checkpoint_every=2,
        checkpoint_dir=str(folder),
        callbacks=[callback],
    )


def test_a_fit_and_after_its_retries_the_next_one_resume_from_the_checkpoint(
    ray_cluster: Any, rows: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = tmp_path / "checkpoints"
    estimator = checkpointed(checkpoints, 9, killer(tmp_path, 5, 7, 9))
    with pytest.raises(TrainingError, match=r"If a worker was killed.*max_retries: 1"):
        estimator.fit(rows, rows, max_retries=1)
    assert steps_done(tmp_path) == [1, 2, 3, 4, 5, 5, 6, 7]
    assert len(list(checkpoints.iterdir())) == 1
    result = estimator.fit(rows, rows, max_retries=1)
    assert steps_done(tmp_path) == [1, 2, 3, 4, 5, 5, 6, 7, 7, 8, 9, 9]
    assert (result.retries, result.resumed_from) == (1, 8)
    line = "raydp: training xgboost failed once on its workers, and resumed from the checkpoint of round 8"
    assert line in capsys.readouterr().err.splitlines()
    assert list(checkpoints.iterdir()) == []
    matrix = xgboost.DMatrix(rows[["x", "n"]].astype("float32").to_numpy(), rows["y"], feature_names=["x", "n"])
    expected = xgboost.train({"max_depth": 3, "nthread": 1}, matrix, 9)
    assert estimator.get_model().get_dump(with_stats=True) == expected.get_dump(with_stats=True)
    course = [metrics["evaluate-rmse"] for metrics in result.history]
    assert len(course) == 9
    assert course == sorted(course, reverse=True)


def test_ctrl_c_ends_the_fit_and_the_next_one_works(ray_cluster: Any, rows: pd.DataFrame, tmp_path: Path) -> None:
    class Waiting(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
            step_done(tmp_path, model.num_boosted_rounds(), kill_at=())
            return not eventually((tmp_path / "go on").exists, within=100)

    def press() -> None:
        if eventually((tmp_path / "steps").exists, within=60):
            os.kill(os.getpid(), signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    estimator = checkpointed(tmp_path / "checkpoints", 3, Waiting())
    pressing = threading.Thread(target=press)
    pressing.start()
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(rows, max_retries=3)
    pressing.join()
    assert signal.getsignal(signal.SIGINT) is handler
    (tmp_path / "go on").touch()
    assert len(estimator.fit(rows).history) == 3
    assert steps_done(tmp_path) == [1, 1, 2, 3]


@pytest.mark.promised("Estimator.fit", "TrainingError")
def test_a_mistake_in_a_callback_ends_the_fit_at_once(ray_cluster: Any, rows: pd.DataFrame, tmp_path: Path) -> None:
    class Mistaken(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
            step_done(tmp_path, model.num_boosted_rounds(), kill_at=())
            return len(epoch) > 5  # type: ignore[arg-type]

    words = r"^TypeError: object of type 'int' has no len\(\)\. A training worker raised this.* It was not retried"
    with pytest.raises(TrainingError, match=words):
        checkpointed(tmp_path / "checkpoints", 9, Mistaken()).fit(rows, max_retries=3)
    assert steps_done(tmp_path) == [1]


def test_a_fit_whose_controller_is_killed_keeps_no_resources_and_the_next_one_resumes(
    ray_cluster: Any, rows: pd.DataFrame, tmp_path: Path
) -> None:
    class ControllerKiller(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
            step_done(tmp_path, model.num_boosted_rounds(), kill_at=())
            if epoch == 5 and not (mark := tmp_path / "killed").exists():
                mark.touch()
                ray.train.get_all_reported_checkpoints(timeout_s=60)  # until they count
                # That of the fit before may still be on its way out.
                controllers = (
                    process
                    for process in psutil.Process(os.getppid()).children()
                    if process.name().startswith("ray::TrainContr")
                )
                os.kill(max(controllers, key=psutil.Process.create_time).pid, signal.SIGKILL)
            return False

    estimator = checkpointed(tmp_path / "checkpoints", 60, ControllerKiller())
    before = ray.available_resources()["CPU"]
    with pytest.raises(TrainingError, match=r"Ray Train's controller.*ended before the training"):
        estimator.fit(rows)
    assert eventually(lambda: all(group["state"] == "REMOVED" for group in placement_group_table().values()))
    assert eventually(lambda: ray.available_resources()["CPU"] == before)
    done = steps_done(tmp_path)
    assert len(estimator.fit(rows).history) == 60
    assert len(steps_done(tmp_path)) - len(done) < 60 - 2
