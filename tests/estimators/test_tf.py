"""TFEstimator against Keras' own fit."""

from __future__ import annotations

import importlib
import io
import logging
import os
import re
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pyarrow as pa
import pytest
import ray.train

keras = pytest.importorskip("keras", reason="the tf extra is not installed")
tf = pytest.importorskip("tensorflow", reason="the tf extra is not installed")

from raydp._estimators.data.layout import Layout  # noqa: E402
from raydp._estimators.data.vocabulary import make_vocabulary  # noqa: E402
from raydp._estimators.frameworks import EpochOptions, InputOptions  # noqa: E402
from raydp._ray.internals import session_directory  # noqa: E402
from raydp.errors import InvalidArgumentError, InvalidDataError  # noqa: E402
from raydp.ml import RayEstimator  # noqa: E402
from raydp.tf import TFEstimator  # noqa: E402
from raydp.tf.recipe import Recipe  # noqa: E402
from raydp.tf.replicas import Replicas  # noqa: E402
from support.fits import assert_followed, fit_with_early_stop  # noqa: E402
from support.killing import step_done, steps_done  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from pyspark.sql import DataFrame

FEATURES = ["x", "n", "flag"]

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import the tests


class Doubled(keras.layers.Layer):
    """A layer that Keras does not know, and that workers cannot import."""

    def call(self, inputs: Any) -> Any:
        return 2 * inputs


def unseeded(width: int = 3) -> Any:
    return keras.Sequential(
        [
            keras.Input((width,)),
            Doubled(),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(1, kernel_regularizer="l2"),
        ]
    )


def regression(width: int = 3) -> Any:
    keras.utils.set_random_seed(11)
    return unseeded(width)


def options(**changes: Any) -> dict[str, Any]:
    return {
        "model": regression,
        "optimizer": keras.optimizers.SGD(0.003, momentum=0.9),
        "loss": "mse",
        "feature_columns": FEATURES,
        "label_columns": "y",
        "batch_size": 32,
        "num_epochs": 4,
        **changes,
    }


class Killer(keras.callbacks.Callback):
    """Kills its worker at the end of an epoch, once; the learning rate is halved after the second."""

    def __init__(self, folder: Path, at_epoch: int) -> None:
        super().__init__()
        self.folder, self.at_epoch = folder, at_epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        step_done(self.folder, epoch + 1, kill_at=(self.at_epoch,))


def halved(epoch: int, rate: float) -> float:
    return rate / 2 if epoch == 2 else rate


def test_a_killed_worker_resumes_to_the_loss_curve_of_keras(frame: DataFrame, tmp_path: Path) -> None:
    estimator = TFEstimator(
        **options(
            model=regression(),
            metrics=["mae", keras.metrics.RootMeanSquaredError()],
            shuffle=False,
            num_epochs=5,
            callbacks=[keras.callbacks.LearningRateScheduler(halved), Killer(tmp_path, 4)],
        )
    )
    result = estimator.fit(frame, frame, max_retries=1)
    assert steps_done(tmp_path) == [1, 2, 3, 4, 4, 5]
    collected = frame.toPandas()
    features, labels = collected[FEATURES].to_numpy(np.float32), collected["y"].to_numpy(np.float32)
    model = regression()
    model.compile(
        keras.optimizers.SGD(0.003, momentum=0.9), "mse", metrics=["mae", keras.metrics.RootMeanSquaredError()]
    )
    course = model.fit(
        features,
        labels,
        batch_size=32,
        epochs=5,
        shuffle=False,
        validation_data=(features, labels),
        callbacks=[keras.callbacks.LearningRateScheduler(halved)],
        verbose=0,
    ).history
    for name in ("loss", "mae", "root_mean_squared_error"):
        for ours, theirs in ((f"train-{name}", name), (f"evaluate-{name}", f"val_{name}")):
            assert [metrics[ours] for metrics in result.history] == pytest.approx(course[theirs], rel=1e-5), ours
    expected = model.predict(features, verbose=0)[:, 0]
    np.testing.assert_allclose(estimator.get_model().predict(features, verbose=0)[:, 0], expected, rtol=1e-4, atol=1e-5)
    # Each task would load the framework.
    found = estimator.predict(frame.coalesce(1)).toPandas().set_index("id")["prediction"]
    np.testing.assert_allclose(found.loc[collected["id"]], expected, rtol=1e-4, atol=1e-5)
    estimator.save(tmp_path / "model")
    again = TFEstimator.load(tmp_path / "model").predict(collected)["prediction"]
    np.testing.assert_allclose(again, expected, rtol=1e-4, atol=1e-5)
    plain = keras.models.load_model(tmp_path / "model" / "model.keras", custom_objects={"Doubled": Doubled})
    np.testing.assert_allclose(plain.predict(features, verbose=0)[:, 0], expected, rtol=1e-4, atol=1e-5)


def looked_up() -> Any:
    """Return a model that looks up strings, and learns from codes and numbers."""
    kind = keras.Input((1,), dtype="string", name="kind")
    n = keras.Input((1,), dtype="int64", name="n")
    x = keras.Input((1,), name="x")
    words = keras.layers.StringLookup(vocabulary=["middle", "low", "high"])(kind)
    parts = [keras.layers.Embedding(4, 2)(words), keras.layers.Embedding(11, 2)(n)]
    joined = keras.layers.Concatenate()([x, *(keras.layers.Flatten()(part) for part in parts)])
    return keras.Model([kind, n, x], keras.layers.Dense(1)(joined))


def test_two_workers_learn_as_one_with_larger_batches_and_the_same_seed(ray_cluster: Any, rows: pd.DataFrame) -> None:
    estimator = TFEstimator(
        **options(
            num_workers=2,
            model=looked_up,
            seed=5,
            batch_size=16,
            shuffle=False,
            metrics=["mae"],
            feature_columns=["x", "kind", "n"],
            categorical_columns=["n"],
        )
    )
    result = estimator.fit(rows)
    keras.utils.set_random_seed(5)
    model = looked_up()
    model.compile(keras.optimizers.SGD(0.003, momentum=0.9), "mse", metrics=["mae"])
    halves = np.arange(len(rows)).reshape(2, -1)  # in turns, so that a batch of 32 is one of 16 from each
    both = rows.iloc[np.concatenate([halves[:, start : start + 16].ravel() for start in range(0, halves.shape[1], 16)])]

    def own(some: pd.DataFrame) -> dict[str, Any]:
        codes = some["n"].to_numpy(np.int64)[:, None] + 6  # from -5 to 4, as 1 to 10
        return {
            "x": tf.constant(some["x"].to_numpy(np.float32)[:, None]),
            "kind": tf.constant(some["kind"].to_numpy(object)[:, None]),
            "n": tf.constant(np.where(codes <= 10, codes, 0)),
        }

    course = model.fit(
        own(both), both["y"].to_numpy(np.float32), batch_size=32, epochs=4, shuffle=False, verbose=0
    ).history
    for name in ("loss", "mae"):
        assert [metrics[f"train-{name}"] for metrics in result.history] == pytest.approx(course[name], rel=1e-4)
    new = rows.assign(kind=rows["kind"].where(rows["id"] % 3 > 0, "new"), n=rows["n"] + rows["id"] % 2)
    found = estimator.predict(new)["prediction"]
    np.testing.assert_allclose(found, model.predict(own(new), verbose=0)[:, 0], rtol=1e-3, atol=1e-4)


class Controllers(keras.callbacks.Callback):
    """Notes which processes of this cluster have loaded TensorFlow while a worker trains."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        raylet = psutil.Process().parent()
        assert raylet is not None
        loaded = []
        for process in raylet.children():
            with suppress(psutil.Error):  # it has ended
                if any("tensorflow" in part.path for part in process.memory_maps()):
                    loaded.append(process.cmdline()[0])
        self.file.write_text("\n".join(loaded))


@contextmanager
def lines_of_tensorflow() -> Iterator[list[str]]:
    """Collect what TensorFlow writes inside the context to the logs of Ray's workers, which reach the console."""
    logs = Path(session_directory()) / "logs"
    before = {path: path.stat().st_size for path in logs.glob("worker-*")}
    found: list[str] = []
    yield found
    for path in logs.glob("worker-*"):
        new = path.read_bytes()[before.get(path, 0) :].decode(errors="replace")
        found += [line for line in new.splitlines() if _OF_TENSORFLOW.search(line)]


_OF_TENSORFLOW = re.compile(
    r"^[IW]0000|tensorflow:|TensorFlow|absl::|[Cc]ollective|retracing|Sharding callback|Strategy"
)


def test_two_workers_learn_classes_and_stop_early(
    ray_cluster: Any, rows: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def classifier() -> Any:
        columns = {name: keras.Input((1,), name=name) for name in ("x", "n")}
        both = keras.layers.Concatenate()([columns["x"], columns["n"]])
        hidden = keras.layers.Dense(16, activation="relu")(keras.layers.BatchNormalization()(both))
        return keras.Model(columns, keras.layers.Dense(3)(hidden))

    estimator = TFEstimator(
        num_workers=2,
        model=classifier,
        optimizer={"class_name": "Adam", "config": {"learning_rate": 0.1}},
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        feature_columns=["x", "n"],
        label_columns=["kind"],
        weight_column="w",
        batch_size=16,
        num_epochs=40,
        seed=3,
        early_stopping_epochs=2,
        nulls="drop",
        progress=True,
        callbacks=[Controllers(tmp_path / "loaded")],
    )
    with lines_of_tensorflow() as lines:
        result, course, metrics = fit_with_early_stop(estimator, rows)
    assert lines == []
    loaded = (tmp_path / "loaded").read_text()
    assert "RayTrainWorker" in loaded
    assert "TrainController" not in loaded, "it needs seconds to import what it does not use"
    assert result.best_metrics == result.history[int(np.argmin(course))]
    assert_followed(result, capsys.readouterr().err, tmp_path, steps=40, named="evaluate-accuracy")
    assert metrics["logloss"] == pytest.approx(min(course) * len(rows) / rows["w"].sum(), rel=1e-3)
    predicted = estimator.predict(rows, probability_column="p")
    right = predicted["prediction"] == predicted["kind"]
    assert right.mean() == pytest.approx(result.history[int(np.argmin(course))]["evaluate-accuracy"])
    np.testing.assert_allclose(np.stack(predicted["p"]).sum(axis=1), 1.0, rtol=1e-5)


def test_shapes_that_disagree_are_named(ray_cluster: Any, rows: pd.DataFrame) -> None:
    with pytest.raises(InvalidDataError, match=r"\(rows, 3\) of float32, from x, n, flag; .*5"):
        TFEstimator(**options(model=regression(5))).fit(rows)
    with pytest.raises(InvalidDataError, match="and merge_feature_columns"):
        TFEstimator(**options(merge_feature_columns=False)).fit(rows)
    two = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    with pytest.raises(InvalidDataError, match=r"more classes than declared. Label kind: 3, declared: 2"):
        TFEstimator(**options(model=two, loss="categorical_crossentropy", label_columns="kind")).fit(rows)


@pytest.mark.parametrize("names", [(None, None), ("n", "x")])
def test_several_inputs_get_columns_by_name_or_in_order(names: tuple[str | None, str | None]) -> None:
    first, second = (keras.Input((1,), name=name) for name in names)
    recipe = Recipe(
        model=keras.Model([first, second], first - 2 * second),
        optimizer="sgd",
        loss="mse",
        metrics=(),
        merge_features=None,
        epochs=EpochOptions(count=1, batch_size=2, drop_last=False, shuffle=False, early_stopping=None),
        input_options=InputOptions(),
    ).check()
    layout = Layout(features=("x", "n"), widths=(1, 1), label=None, weight=None)
    model = recipe.make_model(layout)
    x, n = np.float32([[1], [2]]), np.float32([[10], [20]])
    found = np.asarray(model(recipe.inputs(np.hstack([x, n]), layout)))
    assert found.tolist() == ((x - 2 * n) if names == (None, None) else (n - 2 * x)).tolist()


def test_inputs_have_the_shape_and_the_type_that_the_model_states() -> None:
    def inputs_of(model: Any, layout: Layout, width: int, **options: Any) -> Any:
        recipe = Recipe(
            model=model,
            optimizer="sgd",
            loss="mse",
            metrics=(),
            merge_features=None,
            epochs=EpochOptions(count=1, batch_size=2, drop_last=False, shuffle=False, early_stopping=None),
            input_options=InputOptions(**options),
        ).check()
        return recipe.inputs(np.arange(2 * width, dtype=np.float32).reshape(2, -1), layout)

    image = keras.Sequential([keras.Input((2, 3, 1)), keras.layers.Conv2D(1, 2)])
    layout = Layout(("image",), (6,), None, None)
    assert inputs_of(image, layout, 6).shape == (2, 2, 3, 1)
    own = keras.Sequential([keras.layers.Conv2D(1, 2)])  # does not say what it takes
    assert inputs_of(own, layout, 6, shape=(3, 2, 1)).shape == (2, 3, 2, 1)
    lookup = keras.layers.StringLookup(vocabulary=["a"], output_mode="one_hot")
    words = keras.Sequential([keras.Input((1,), dtype="string"), lookup])
    vocabulary = make_vocabulary({"a"}, pa.string(), "word", "codes")
    layout = Layout(("word",), (1,), None, None, (("word", vocabulary),))
    assert inputs_of(words, layout, 1).numpy().tolist() == [[b"[UNK]"], [b"a"]]
    with pytest.raises(InvalidDataError, match=r"takes strings, and this column has numbers.*Column: word"):
        inputs_of(words, Layout(("word",), (1,), None, None), 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"category_encoding": "hash"}, "category_encoding must be"),
        ({"feature_shape": 28}, "feature_shape takes the shape"),
        ({"feature_shape": (0, 2)}, "feature_shape must be a whole number"),
        ({"model": None}, "model must be a keras.Model"),
        ({"optimizer": None}, "optimizer is missing"),
        ({"optimizer": "fastest"}, "cannot create this optimizer"),
        ({"loss": None}, "loss is missing"),
        ({"loss": "anger"}, "cannot create this loss"),
        ({"metrics": ["beauty"]}, "cannot create this metrics"),
        ({"metrics": "mae"}, "takes a list"),
        ({"callbacks": [print]}, "callbacks takes Keras callbacks"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"num_epochs": 1.5}, "num_epochs must be a whole number"),
        ({"early_stopping_epochs": 0}, "early_stopping_epochs must be"),
        ({"nulls": "keep"}, "cannot train with missing values"),
        ({"label_columns": None}, "label_columns"),
        ({"label_columns": ["y", "late"]}, "must name one column"),
    ],
)
def test_wrong_arguments(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        TFEstimator(**options(**changes))


@pytest.mark.parametrize(
    ("argument", "value", "instead"), [("extra_config", {}, "placement_strategy"), ("use_gpu", False, "GPU")]
)
def test_arguments_of_1_6_say_what_replaces_them(argument: str, value: Any, instead: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"{argument} no longer has an effect: .*{instead}"):
        TFEstimator(**options(**{argument: value}))


def test_a_callback_of_ray_train_is_named() -> None:
    class Printing(keras.callbacks.Callback):
        def handle_result(self, results: list[dict[str, Any]], **info: Any) -> None:
            print(results, info)

    instead = r"Nothing calls handle_result, .*: use on_epoch_end\(epoch, logs\) of a Keras callback\. "
    with pytest.warns(UserWarning, match=f"{instead}.*Callbacks with handle_result: Printing") as found:
        TFEstimator(**options(callbacks=[Printing()]))
    assert [one.filename for one in found] == [__file__]


def test_sums_of_tensors_of_any_shapes_are_traced_once_per_type() -> None:
    replicas = Replicas(2, 0)  # without addresses, TensorFlow's strategy has one worker, whose sums are its own values
    shapes: list[list[tuple[int, ...]]] = [[(2, 3), (4,), ()], [(5,)], [(1,)], [(2, 2), (0, 3)], [(7,)], [(3, 1)], [()]]
    tensors = [[tf.random.normal(shape) for shape in some] for some in shapes]
    warnings = io.StringIO()
    handler = logging.StreamHandler(warnings)
    tf.get_logger().addHandler(handler)
    try:
        for some in tensors:
            found = replicas.sum_tensors([*some, tf.constant(3, tf.int64)])
            assert [one.shape for one in found] == [*(one.shape for one in some), ()]
            assert all((ours.numpy() == theirs.numpy()).all() for ours, theirs in zip(found, some, strict=False))
            assert int(found[-1]) == 3
        assert replicas.sum_numbers(1.0, 2.0) == [1.0, 2.0]
        assert replicas.sum_tensors([]) == []
    finally:
        tf.get_logger().removeHandler(handler)
    assert "retracing" not in warnings.getvalue()


def test_levels_that_the_user_has_set_are_kept(ray_cluster: Any) -> None:
    @ray.remote(num_cpus=0, runtime_env={"env_vars": {"TF_CPP_MIN_LOG_LEVEL": "0"}})
    def chosen() -> tuple[str, int, int]:
        logging.getLogger("tensorflow").setLevel(logging.INFO)
        importlib.import_module("raydp.tf")
        levels = [logging.getLogger(name).level for name in ("tensorflow", "absl")]
        return os.environ["TF_CPP_MIN_LOG_LEVEL"], levels[0], levels[1]

    assert ray.get(chosen.remote()) == ("0", logging.INFO, logging.ERROR)
    assert logging.getLogger("tensorflow").level < logging.ERROR, "the program's own process is as it was"


def test_settings_of_an_optimizer_of_keras() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    sgd = {"class_name": "SGD", "config": {"learning_rate": 0.7}}
    for optimizer, rate in (
        ("adam", 0.001),
        (keras.optimizers.SGD, 0.01),
        (keras.optimizers.SGD(0.3), 0.3),
        (sgd, 0.7),
    ):
        stage = RayEstimator(TFEstimator, {"model": model, "optimizer": optimizer, "loss": "mse"})
        assert stage.getLearningRate() == pytest.approx(rate)
        assert stage.getBatchSize() == 128
        arguments = stage.setLearningRate(0.05).setNumEpochs(3)._merge_arguments()
        recipe = stage._make_estimator(arguments)._learner.recipe
        assert recipe.make_optimizer().get_config()["learning_rate"] == pytest.approx(0.05)
        assert recipe.epochs.count == 3
    with pytest.raises(InvalidArgumentError, match=r"no setting of this name.*settings of Adam: "):
        RayEstimator(TFEstimator, {"model": model, "optimizer": "adam", "loss": "mse"}, momentum=0.3)
