"""The examples that train models, on few rows, in the session of all tests."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

EXAMPLES = Path(__file__).parents[2] / "examples"


PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def picture(tmp_path: Path) -> Iterator[str]:
    """Where a test's example is to draw; afterwards a picture must be there."""
    path = tmp_path / "pictures" / "example.png"
    yield str(path)
    assert path.read_bytes().startswith(PNG_SIGNATURE)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports an example by name; Ray's and Spark's workers are sent its functions, for they cannot import it."""
    import ray
    from pyspark import cloudpickle

    monkeypatch.syspath_prepend(EXAMPLES)

    def imported(name: str) -> Any:
        module = importlib.import_module(name)
        ray.cloudpickle.register_pickle_by_value(module)
        cloudpickle.register_pickle_by_value(module)
        return module

    return imported


def test_pipeline(spark: SparkSession, example: Any, picture: str) -> None:
    pipeline = example("pipeline")
    assert 0.55 < pipeline.run(spark, pipeline.arguments(["--smoke", "--plot", picture])) < 0.8


@pytest.mark.nightly
def test_tuning(spark: SparkSession, example: Any, picture: str) -> None:
    tuning = example("tuning")
    found = tuning.run(spark, tuning.arguments(["--smoke", "--plot", picture]))
    assert sorted(found.trials["config/max_depth"]) == [1, 5]
    assert 0.55 < found.best_metrics["auc"] == found.trials["auc"].max() < 0.8


@pytest.mark.nightly
def test_taxi_fare(spark: SparkSession, example: Any, picture: str) -> None:
    taxi_fare = example("taxi_fare")
    errors = taxi_fare.run(spark, taxi_fare.arguments(["--smoke", "--plot", picture]))
    assert errors["the mean"] > 8
    assert errors["XGBoost"] < errors["the mean"] / 3
    assert errors["PyTorch"] < errors["the mean"] / 2
    assert errors["Keras"] < errors["the mean"] / 2


@pytest.mark.nightly
def test_data_parallel_training_and_batch_inference(
    spark: SparkSession, example: Any, tmp_path: Path, picture: str
) -> None:
    data_parallel, batch_inference = example("data_parallel"), example("batch_inference")
    folder, curves = tmp_path / "digits", tmp_path / "curves.png"
    options = data_parallel.arguments(["--smoke", "--model", str(folder), "--plot", str(curves)])
    assert data_parallel.run(spark, options)["accuracy"] > 0.8
    assert curves.read_bytes().startswith(PNG_SIGNATURE)
    few = batch_inference.arguments(["--smoke", "--model", str(folder), "--plot", picture])
    assert few.images == 500
    assert batch_inference.run(spark, few) > 0.85


@pytest.mark.nightly
def test_plasticc(spark: SparkSession, example: Any, picture: str) -> None:
    plasticc = example("plasticc")
    judged = plasticc.run(spark, plasticc.arguments(["--smoke", "--plot", picture]))
    assert judged["accuracy"] > 0.7  # of seven classes
    assert 0 < judged["log loss"] < 1.2


def test_text_embeddings(spark: SparkSession, example: Any, picture: str) -> None:
    text_embeddings = example("text_embeddings")
    questions = text_embeddings.arguments(["--plot", picture])
    found = text_embeddings.run(spark, questions)
    assert found.keys() == text_embeddings.QUESTIONS.keys()
    assert all(len(nearest) == 3 for nearest in found.values())
    answered = [question for question, names in text_embeddings.QUESTIONS.items() if names & {*found[question]}]
    assert len(answered) >= 5
