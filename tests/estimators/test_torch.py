"""TorchEstimator against a training loop in plain PyTorch."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import ray.train

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from raydp.errors import InvalidArgumentError, InvalidDataError  # noqa: E402
from raydp.ml import RayEstimator  # noqa: E402
from raydp.torch import TorchEstimator  # noqa: E402
from support.fits import assert_followed, fit_with_early_stop  # noqa: E402
from support.killing import step_done, steps_done  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

FEATURES = ["x", "n", "flag"]
STAGE: dict[str, Any] = {"model": torch.nn.Linear(1, 1), "optimizer": torch.optim.Adam, "loss": torch.nn.MSELoss}

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import the tests


def regression(width: int = 3) -> Any:
    torch.manual_seed(11)
    return torch.nn.Sequential(torch.nn.Linear(width, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))


def options(**changes: Any) -> dict[str, Any]:
    return {
        "model": regression,
        "optimizer": lambda model: torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9),
        "loss": torch.nn.MSELoss(),
        "feature_columns": FEATURES,
        "label_column": "y",
        "batch_size": 32,
        "num_epochs": 4,
        **changes,
    }


def to_tensor(rows: pd.DataFrame) -> Any:
    """Return the features with a column for each kind."""
    return torch.from_numpy(pd.get_dummies(rows[[*FEATURES, "kind"]]).to_numpy(np.float32))


def plain_course(rows: pd.DataFrame, epochs: int, batch: int) -> tuple[list[float], Any]:
    model, loss = regression(6), torch.nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    features = to_tensor(rows)
    labels = torch.from_numpy(rows["y"].to_numpy(np.float32)).unsqueeze(1)
    course = []
    for _ in range(epochs):
        total = 0.0
        for start in range(0, len(rows), batch):
            inputs, wanted = features[start : start + batch], labels[start : start + batch]
            optimizer.zero_grad()
            value = loss(model(inputs), wanted)
            value.backward()
            optimizer.step()
            total += value.item() * len(inputs)
        scheduler.step()
        course.append(total / len(rows))
    return course, model


def killer(folder: Path, at_epoch: int) -> Any:
    def kill_once(epoch: int, metrics: dict[str, float]) -> None:
        step_done(folder, epoch, kill_at=(at_epoch,))

    return kill_once


def test_a_killed_worker_resumes_to_the_loss_curve_of_plain_pytorch(frame: DataFrame, tmp_path: Path) -> None:
    estimator = TorchEstimator(
        **options(
            model=functools.partial(regression, 6),
            feature_columns=[*FEATURES, "kind"],
            shuffle=False,
            lr_scheduler_creator=lambda optimizer, config: torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5),  # noqa: ARG005
            scheduler_step_freq="epoch",
            num_epochs=5,
            callbacks=[killer(tmp_path, 4)],
        )
    )
    result = estimator.fit(frame, max_retries=1)
    assert steps_done(tmp_path) == [1, 2, 3, 4, 4, 5]
    collected = frame.toPandas()
    course, model = plain_course(collected, 5, 32)
    assert [metrics["train-loss"] for metrics in result.history] == pytest.approx(course, rel=1e-6)
    with torch.no_grad():
        expected = model(to_tensor(collected))[:, 0].numpy()
    # Each task would load the framework.
    found = estimator.predict(frame.coalesce(1)).toPandas().set_index("id")["prediction"]
    np.testing.assert_allclose(found.loc[collected["id"]], expected, rtol=1e-5, atol=1e-6)
    estimator.save(tmp_path / "model")
    loaded = TorchEstimator.load(tmp_path / "model")
    np.testing.assert_allclose(loaded.predict(collected)["prediction"], expected, rtol=1e-5, atol=1e-6)
    assert loaded.categories == {"kind": ["high", "low", "middle"]}
    unknown = to_tensor(collected)
    unknown[:, 3:] = 0
    with torch.no_grad():
        expected = model(unknown)[:, 0].numpy()
    found = loaded.predict(collected.assign(kind="new"))["prediction"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_two_workers_learn_classes_and_stop_early(
    ray_cluster: Any, rows: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Embedded(torch.nn.Module):
        """Learns from two numbers and the code of a category."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(3, 2, padding_idx=0)
            self.layers = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))

        def forward(self, features: Any) -> Any:
            codes = self.embedding(features[:, 2].long())
            return self.layers(torch.cat([features[:, :2], codes], dim=1))

    estimator = TorchEstimator(
        num_workers=2,
        model=Embedded,
        optimizer=functools.partial(torch.optim.Adam, lr=0.1),
        loss=lambda config: torch.nn.CrossEntropyLoss(**config),
        scheduler_step_freq=None,
        feature_columns=["x", "n", "state"],
        category_encoding="codes",
        feature_types=[torch.float32, torch.int64],
        label_column="kind",
        weight_column="w",
        batch_size=16,
        num_epochs=40,
        seed=3,
        early_stopping_epochs=2,
        nulls="drop",
        progress=True,
    )
    rows = rows.assign(state=np.where(rows["flag"], "on", "off"))
    result, course, metrics = fit_with_early_stop(estimator, rows)
    assert result.best_metrics == result.history[int(np.argmin(course))]
    assert_followed(result, capsys.readouterr().err, tmp_path, steps=40, named="evaluate-loss")
    assert metrics["logloss"] == pytest.approx(min(course), rel=1e-3)
    predicted = estimator.predict(rows, probability_column="p")
    assert (predicted["prediction"] == predicted["kind"]).mean() > 0.8
    np.testing.assert_allclose(np.stack(predicted["p"]).sum(axis=1), 1.0, rtol=1e-5)


def test_shapes_that_disagree_are_named(ray_cluster: Any, rows: pd.DataFrame) -> None:
    with pytest.raises(
        InvalidDataError, match=r"\(rows, 3\) of torch.float32, from x, n, flag; first layer: 0: Linear"
    ):
        TorchEstimator(**options(model=regression(5))).fit(rows)
    with pytest.raises(InvalidDataError, match=r"more classes than declared. Label kind: 3, declared: 2"):
        TorchEstimator(
            **options(model=torch.nn.Linear(3, 2), loss=torch.nn.CrossEntropyLoss(), label_column="kind")
        ).fit(rows)


def test_arrays_of_arrays_are_images_of_the_stated_shape(spark: SparkSession) -> None:
    def convolution() -> Any:
        torch.manual_seed(3)
        return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 2), torch.nn.Flatten(), torch.nn.Linear(8, 1))

    rows = spark.range(16).selectExpr(
        "id",
        "transform(sequence(0, 2), i -> transform(sequence(0, 2), j -> sin(id + 3 * i + j))) AS image",
        "cos(id) AS y",
    )
    estimator = TorchEstimator(
        **options(
            model=convolution,
            optimizer=functools.partial(torch.optim.SGD, lr=0.1),
            feature_columns=["image"],
            feature_shape=(1, 3, 3),
        )
    )
    result = estimator.fit(rows)
    collected = rows.toPandas()
    images = torch.tensor(np.stack([np.stack(image) for image in collected["image"]]), dtype=torch.float32)[:, None]
    labels = torch.tensor(collected["y"].to_numpy(np.float32))[:, None]
    model = convolution()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    course = []
    for _ in range(4):  # all rows are one batch
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(images), labels)
        loss.backward()
        optimizer.step()
        course.append(loss.item())
    assert [metrics["train-loss"] for metrics in result.history] == pytest.approx(course, rel=1e-5)
    with torch.no_grad():
        expected = model(images)[:, 0].numpy()
    found = estimator.predict(rows).toPandas().set_index("id")["prediction"].loc[collected["id"]]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_features_that_do_not_suit_the_model(ray_cluster: Any, rows: pd.DataFrame) -> None:
    for changes, words in (
        ({"feature_shape": (1, 2, 2)}, r"stated shape.*\(1, 2, 2\), 4 numbers; features: 3 numbers, from x, n, flag"),
        ({"feature_columns": ["x", "kind"]}, r"Features: \(rows, 4\) .*from x, kind \(3 categories, one_hot\)"),
        (
            {"feature_columns": ["id"], "categorical_columns": ["id"], "feature_types": torch.bfloat16}
            | {"category_encoding": "codes"},
            r"cannot hold the codes.*torch.bfloat16, whole numbers up to 256; columns: id",
        ),
        ({"feature_columns": ["id"], "categorical_columns": ["id"]}, r"too many categories for one-hot.*id \(1200\)"),
    ):
        repeated = pd.concat([rows.assign(id=rows["id"] + 240 * index) for index in range(5)])
        with pytest.raises(InvalidDataError, match=words):
            TorchEstimator(**options(**changes)).fit(repeated)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": None}, "model must be a PyTorch object"),
        ({"loss": 3}, "loss must be a PyTorch object"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"num_epochs": 1.5}, "num_epochs must be a whole number"),
        ({"early_stopping_epochs": 0}, "early_stopping_epochs must be"),
        ({"scheduler_step_freq": "hour"}, "must be one of batch, epoch"),
        ({"feature_types": [torch.float32, "int"]}, "feature_types takes a torch.dtype"),
        ({"callbacks": [object()]}, "callbacks takes functions of"),
        ({"loss": lambda config: config}, "it returned: {}"),
        ({"nulls": "keep"}, "cannot train with missing values"),
        ({"nulls": "fill", "fill_value": 1e39}, "fill_value is infinite in float32"),
        ({"nulls": "fill", "fill_value": 1e5, "feature_types": torch.float16}, "fill_value is infinite in float16"),
        ({"label_column": None}, "label_column"),
    ],
)
def test_wrong_arguments(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        TorchEstimator(**options(**changes))


@pytest.mark.parametrize(
    ("argument", "value", "instead"),
    [
        ("num_processes_for_data_loader", 2, "shared memory"),
        ("metrics_name", ["MeanSquaredError"], r"print\(estimator.fit_on_spark\(.*result\.metrics.*evaluate"),
        ("metrics_config", {}, "evaluate"),
        ("use_ccl", False, "Gloo"),
        ("use_gpu", False, "GPU"),
    ],
)
def test_arguments_of_1_6_say_what_replaces_them(argument: str, value: Any, instead: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"{argument} no longer has an effect: .*{instead}"):
        TorchEstimator(**options(**{argument: value}))


def test_a_callback_of_ray_train_is_named() -> None:
    class Printing:
        def handle_result(self, results: list[dict[str, Any]], **info: Any) -> None:
            print(results, info)

    class Called(Printing):
        def __call__(self, epoch: int, metrics: dict[str, float]) -> None:
            print(epoch, metrics)

    instead = r"Nothing calls handle_result, .*: use a function of \(epoch, metrics\)\. .*result\.history\. "
    with pytest.raises(
        InvalidArgumentError, match=rf"takes functions of \(epoch, metrics\)\. {instead}Got: .*Printing"
    ):
        TorchEstimator(**options(callbacks=[Printing()]))
    with pytest.warns(UserWarning, match=f"{instead}Callbacks with handle_result: Called") as found:
        TorchEstimator(**options(callbacks=[Called()]))
    assert [one.filename for one in found] == [__file__]


@pytest.mark.parametrize(
    ("optimizer", "rate"),
    [
        (torch.optim.SGD, 0.001),
        (functools.partial(torch.optim.SGD, lr=0.2), 0.2),
        (torch.optim.SGD(STAGE["model"].parameters(), lr=0.3), 0.3),
        (lambda model: torch.optim.SGD(model.parameters(), lr=0.4), None),
        (lambda model, config: torch.optim.SGD(model.parameters(), lr=config.get("lr", 0.4)), None),
    ],
)
def test_settings_of_an_optimizer_of_pytorch(optimizer: Any, rate: float | None) -> None:
    stage = RayEstimator(TorchEstimator, {**STAGE, "optimizer": optimizer})
    assert (stage.getLearningRate(), stage.getBatchSize(), stage.getNumEpochs()) == (rate, 64, 1)
    stage.setLearningRate(0.05).setMomentum(0.5).setBatchSize(8).setShuffle(False)
    recipe = stage._make_estimator(stage._merge_arguments())._learner.recipe
    settings = recipe.make_optimizer(STAGE["model"]).param_groups[0]
    assert (settings["lr"], settings["momentum"]) == (0.05, 0.5)
    assert (recipe.epochs.batch_size, recipe.epochs.shuffle) == (8, False)


def test_a_setting_that_an_optimizer_does_not_have() -> None:
    adam = torch.optim.Adam(STAGE["model"].parameters())
    for optimizer, words in ((torch.optim.Adam, "no argument of this name: momentum"), (adam, "no setting of this")):
        with pytest.raises(InvalidArgumentError, match=words):
            RayEstimator(TorchEstimator, {**STAGE, "optimizer": optimizer}, momentum=0.3)
    with pytest.raises(InvalidArgumentError, match="learningRate is a setting of the optimizer: add one"):
        RayEstimator(TorchEstimator, {**STAGE, "optimizer": None}, learningRate=0.3)
