"""Hyperparameter search over estimators."""

from __future__ import annotations

import re
import shutil
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ray.tune import choice, grid_search, uniform
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, mean_pinball_loss, root_mean_squared_error

from raydp import tune
from raydp._estimators.search_metric import resolve_search_metric
from raydp._estimators.search_turns import TrialDemand, has_room, open_turns
from raydp.errors import InvalidArgumentError, InvalidDataError, NotADataFrameError, TrainingError
from raydp.sklearn import SklearnEstimator

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame


_OF_RAY_TUNE = re.compile("Configuration for experiment|View detailed results|tensorboard|Wrote the latest version")
P90 = {"p90": make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False)}


@pytest.mark.parametrize("metric", [pytest.param("rmse", marks=pytest.mark.nightly), P90])
def test_the_best_trial_gives_its_estimator(
    frame: DataFrame, metric: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)]
    columns = frame.select("id", "x", "n", "y")
    found = tune.fit(
        # Spark leaves two of four CPUs: exactly what one trial needs.
        lambda alpha: SklearnEstimator(
            Ridge(alpha), "y", feature_columns=["x", "n"], resources_per_worker={"CPU": 2}, start_timeout=10
        ),
        {"alpha": grid_search([1e6, 0.1])},
        columns.where("id < 160"),
        columns.where("id >= 160"),
        metric=metric,
        max_concurrent_trials=2,
        storage_path=str(tmp_path),
        seed=5,
        progress=True,
    )
    output, errors = capfd.readouterr()
    assert not _OF_RAY_TUNE.search(output + errors)
    name = metric if isinstance(metric, str) else "p90"
    assert "2/2 " in errors and f"best {name}={found.best_metrics[name]:.5g}" in errors
    (folder,) = re.findall(rf"raydp: the files of the trials are in ({tmp_path}/.+)\n", errors)
    assert len(list(Path(folder).glob("run_trial_*"))) == 2
    assert found.best_estimator.configuration.seed == found.best_estimator.get_model().random_state == 5
    # Ray Tune's handlers would swallow the next Ctrl-C.
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)] == handlers
    assert found.best_config == {"alpha": 0.1}
    assert sorted(found.trials["config/alpha"]) == [0.1, 1e6]
    assert found.best_metrics["rmse"] == found.trials["rmse"].min() < found.trials["rmse"].max() / 2
    assert found.best_estimator.get_model().alpha == 0.1
    evaluated = found.best_estimator.evaluate(columns.where("id >= 160"))
    assert evaluated == pytest.approx({name: found.best_metrics[name] for name in evaluated})
    train, test = (columns.where(condition).toPandas() for condition in ("id < 160", "id >= 160"))
    for alpha, value in zip(found.trials["config/alpha"], found.trials[name], strict=True):
        alone = Ridge(alpha).fit(train[["x", "n"]].to_numpy(), train["y"])
        predictions = alone.predict(test[["x", "n"]].to_numpy())
        loss = (
            -mean_pinball_loss(test["y"], predictions, alpha=0.9)
            if name == "p90"
            else root_mean_squared_error(test["y"], predictions)
        )
        assert value == pytest.approx(loss)


@pytest.mark.parametrize(
    ("metric", "mode", "expected"),
    [
        ("rmse", None, ("rmse", "min")),
        ("auc", None, ("auc", "max")),
        ("neg_root_mean_squared_error", None, ("neg_root_mean_squared_error", "max")),
        ("f1", "min", ("f1", "min")),
        (make_scorer(mean_pinball_loss, greater_is_better=False), None, ("mean_pinball_loss", "max")),
        (make_scorer(mean_pinball_loss), "min", ("mean_pinball_loss", "min")),
        (root_mean_squared_error, "min", ("root_mean_squared_error", "min")),
        ({"error": "rmse"}, None, ("error", "min")),
        ({"done": root_mean_squared_error}, "min", ("done", "min")),
    ],
)
def test_the_better_values_of_a_metric(metric: Any, mode: Any, expected: tuple[str, str]) -> None:
    found = resolve_search_metric(metric, mode)
    assert (found.name, found.mode) == expected
    assert (found.asked is None) == (metric in ("rmse", "auc"))


@pytest.mark.parametrize(
    ("column", "metric", "error", "words"),
    [
        ("x", "auc", InvalidArgumentError, "no metric of this name; .* metric: auc; available: rmse, mae, r2"),
        ("speed", "rmse", InvalidDataError, "Missing: speed"),
    ],
)
def test_errors_of_trials_are_those_of_estimators(
    ray_cluster: Any, rows: pd.DataFrame, column: str, metric: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        tune.fit(
            lambda alpha: SklearnEstimator(Ridge(alpha), "y", feature_columns=[column]),
            {"alpha": 0.1},
            rows,
            rows,
            metric=metric,
        )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"make": 3}, "make must be a function"),
        ({"metric": "loss"}, "metric must be one of rmse.*Did you mean logloss"),
        ({"metric": root_mean_squared_error}, "which values of a function are better: set mode to 'min' or 'max'"),
        ({"metric": ["rmse"]}, "metric must be one of rmse"),
        ({"metric": 3, "mode": "min"}, "metric must be one of rmse"),
        ({"metric": {"a": "rmse", "b": "mae"}}, "metric must be one metric"),
        ({"metric": {"done": "rmse"}}, "Ray Tune has a column of this name"),
        ({"mode": "less"}, "mode must be 'min' or 'max'"),
        ({"num_samples": 0}, "num_samples must be a whole number"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"progress": 2}, "progress must be True, False or None"),
        ({"max_concurrent_trials": 1.5}, "max_concurrent_trials must be"),
    ],
)
@pytest.mark.promised("fit", "InvalidArgumentError")
def test_wrong_arguments(changes: dict[str, Any], words: str) -> None:
    arguments = {"make": Ridge, "search_space": {}, "train_ds": None, "evaluate_ds": None, "metric": "rmse", **changes}
    with pytest.raises(InvalidArgumentError, match=words):
        tune.fit(**arguments)


@pytest.mark.promised("fit", "NotADataFrameError")
def test_no_frame() -> None:
    with pytest.raises(NotADataFrameError):
        tune.fit(Ridge, {}, [1], [2], metric="rmse")


@pytest.mark.parametrize(
    ("strategy", "nodes", "expected"),
    [
        ("PACK", [4], True),
        ("PACK", [3.999], False),
        ("PACK", [2, 2], True),
        ("SPREAD", [3, 1], True),
        ("PACK", [1.5, 1.5, 1.5], False),
        ("STRICT_PACK", [3, 1], False),
        ("STRICT_PACK", [2, 2], True),
        ("STRICT_SPREAD", [4], False),
        ("STRICT_SPREAD", [2, 2], True),
    ],
)
def test_how_many_trials_fit(strategy: str, nodes: list[float], expected: bool) -> None:
    each = TrialDemand({"CPU": 1.0, "GPU": 0.0}, 2, strategy)
    assert has_room([each, each], [{"CPU": cpus, "memory": 1.0} for cpus in nodes]) is expected


def test_a_trial_without_room_waits_until_another_ends(ray_cluster: Any) -> None:
    events: list[str] = []

    def enter_second() -> None:
        turns.enter("second", all_of_it)
        events.append("second is in")

    all_of_it = TrialDemand({"CPU": 4.0}, 1, "PACK")
    with open_turns(2) as turns:
        turns.enter("first", all_of_it)
        waiting = threading.Thread(target=enter_second)
        waiting.start()
        waiting.join(0.5)  # if it does not wait, it is in by then
        events.append("first ends")
        turns.leave("first")
        waiting.join()
        assert events == ["first ends", "second is in"]
        turns.leave("second")
        turns.enter("killed", all_of_it)
        turns.leave("killed")
        turns.enter("last", all_of_it)
        assert not turns.await_another("last")


def test_a_search_that_fails_shows_the_cause_and_keeps_its_folder(
    ray_cluster: Any, rows: pd.DataFrame, capfd: pytest.CaptureFixture[str]
) -> None:
    def make(alpha: float, kind: str) -> Any:
        raise OSError(f"no license for {alpha} {kind}")

    causes = []
    for seed in (7, 7, 8):
        space = {"alpha": uniform(0, 1), "kind": choice(["a", "b"])}
        with pytest.raises(TrainingError) as caught:
            tune.fit(make, space, rows, rows, metric="rmse", seed=seed)
        message, cause = str(caught.value).split("\n", 1)
        assert "Trials: 1; folder: " in message
        assert re.fullmatch(r"OSError: no license for 0\.\d+ [ab]", cause)
        folder = Path(message.rpartition("folder: ")[2])
        assert any(folder.rglob("error.txt"))
        shutil.rmtree(folder)
        causes.append(cause)
    assert causes[0] == causes[1] != causes[2], "the same seed gives the same samples"
    assert not _OF_RAY_TUNE.search("".join(capfd.readouterr()))
