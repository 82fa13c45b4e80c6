"""Whoever mistypes a name is told the right one: arguments, columns, settings and options of commands."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

import raydp
from raydp import __main__ as command
from raydp import tune
from raydp._application.settings import checked
from raydp._submission import options
from raydp.errors import InvalidArgumentError, InvalidDataError, NotADataFrameError, UnknownArgumentError
from raydp.ml import RayEstimator
from raydp.mpi import MPIType, create_mpi_job
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

ARGUMENTS: list[tuple[Callable[..., Any], str, str]] = [
    (raydp.from_spark, "parallelism", "num_blocks"),
    (raydp.from_spark, "override_num_blocks", "num_blocks"),
    (raydp.from_spark, "tensor_column", "tensor_columns"),
    (raydp.to_spark, "session", "spark"),
    (raydp.register, "nane", "name"),
    (raydp.unregister, "names", "name"),
    (raydp.scale, "timeout", "timeout_seconds"),
    (raydp.scale, "executors", "num_executors"),
    (raydp.init_spark, "num_workers", "num_executors"),
    (raydp.init_spark, "executor_core", "executor_cores"),
    (raydp.init_spark, "memory", "executor_memory"),
    (raydp.init_spark, "config", "configs"),
    (raydp.stop_spark, "cleanup", "cleanup_data"),
    (create_mpi_job, "name", "job_name"),
    (tune.fit, "num_sample", "num_samples"),
]


@pytest.mark.parametrize(("function", "wrong", "right"), ARGUMENTS, ids=lambda value: getattr(value, "__name__", value))
@pytest.mark.promised("fit", "UnknownArgumentError")
def test_arguments(function: Callable[..., Any], wrong: str, right: str) -> None:
    words = rf"^{function.__name__}\(\) has no argument of this name: {wrong}\. Did you mean {right}\? Its arguments: "
    with pytest.raises(UnknownArgumentError, match=words) as caught:
        function(**{wrong: 1})
    assert isinstance(caught.value, TypeError) and isinstance(caught.value, ValueError)
    assert right in inspect.signature(function).parameters


@pytest.mark.promised("RayEstimator", "UnknownArgumentError")
def test_arguments_of_estimators() -> None:
    with pytest.raises(UnknownArgumentError, match=r"Did you mean num_workers\?"):
        XGBoostEstimator({}, "y", num_worker=2)  # type: ignore[call-arg]
    with pytest.raises(UnknownArgumentError, match=r"Did you mean xgboost_params\?"):
        RayEstimator(XGBoostEstimator, {"xgb_params": {}})


def test_no_column_is_suggested_that_is_in_use(ray_cluster: Any) -> None:
    rows = pd.DataFrame({"calls": [1.0, 2.0], "plan": [1.0, 2.0], "calls_30d": [1.0, 2.0], "y": [0.0, 1.0]})
    with pytest.raises(
        InvalidDataError, match=r"select\. Did you mean calls_30d\? Missing: calls6; the frame has: calls"
    ):
        XGBoostEstimator({}, "y", feature_columns=["calls", "calls6"]).fit(rows)
    with pytest.raises(InvalidDataError, match=r"frame's select\. Missing: calls6; "):
        XGBoostEstimator({}, "y", feature_columns=["calls", "calls6"]).fit(rows.drop(columns="calls_30d"))
    with pytest.raises(InvalidArgumentError, match=r"among feature_columns\. Not among them: calls6$"):
        XGBoostEstimator({}, "y", feature_columns=["calls"], categorical_columns=["calls", "calls6"])


def test_an_argument_that_is_like_no_other_is_not_guessed() -> None:
    with pytest.raises(UnknownArgumentError, match=r"this name: zzz\. Its arguments: ds, name$"):
        raydp.register(zzz=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (pd.DataFrame({"a": [1]}), ["spark.createDataFrame(frame)", "ray.data.from_pandas(frame)"]),
        (pa.table({"a": [1]}), ["spark.createDataFrame(table)", "ray.data.from_arrow(table)"]),
    ],
    ids=["pandas", "arrow"],
)
def test_frames_of_other_libraries(thing: object, words: list[str]) -> None:
    for convert in (raydp.from_spark, raydp.to_spark):
        with pytest.raises(NotADataFrameError) as caught:
            convert(thing)  # type: ignore[operator]
        assert all(word in str(caught.value) for word in words), str(caught.value)


def test_frames_of_the_wrong_side(spark: SparkSession) -> None:
    df = spark.range(2)
    with pytest.raises(NotADataFrameError, match=r"Spark's already; raydp\.from_spark\(df\)"):
        raydp.to_spark(df)  # type: ignore[arg-type]
    with pytest.raises(NotADataFrameError, match=r"Ray's already; raydp\.to_spark\(ds\)"):
        raydp.from_spark(raydp.from_spark(df))  # type: ignore[arg-type]


@pytest.mark.promised("unregister", "InvalidArgumentError")
@pytest.mark.promised("MPIType.from_name", "InvalidArgumentError")
def test_columns_and_names(spark: SparkSession) -> None:
    df = spark.createDataFrame([([1.0, 2.0],)], "embedding array<double>")
    with pytest.raises(InvalidArgumentError, match=r"'embeding'\. Did you mean embedding\? It has: embedding$"):
        raydp.from_spark(df, tensor_columns=["embeding"])
    raydp.register(raydp.from_spark(df), "embeddings")
    with pytest.raises(InvalidArgumentError, match=r"Did you mean embeddings\? Registered: \['embeddings'\]"):
        raydp.unregister("embedding")
    raydp.unregister("embeddings")
    with pytest.raises(InvalidArgumentError, match=r"Did you mean openmpi\?"):
        MPIType.from_name("open-mpi")


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("spark.raydp.exchange.blocksize", "spark.raydp.exchange.blockSize"),
        ("spark.raydp.executor.resources.GPU", "spark.raydp.executor.resource."),
        ("spark.raypd.banner", "spark.raydp.banner"),
        ("spark.RayDP.progress", "spark.raydp.progress"),
        ("spark.ray.raydp_spark_executor.actor.resorce.CPU", "spark.ray.raydp_spark_executor.actor.resource."),
    ],
)
def test_settings(key: str, right: str) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"no such setting\. Did you mean {re.escape(right)}.*Unknown: "):
        checked({key: "1"})


def test_settings_of_others_are_left_alone() -> None:
    given = {"spark.x": "1", "spark.rapids.sql.enabled": "true", "spark.ray.actor.resource.CPU": "1", "spark.r.x": "1"}
    assert given.items() <= checked(given).items()


@pytest.mark.parametrize(
    ("run", "words", "hint"),
    [
        (
            options.parse,
            ["--num-executor", "2", "app.py"],
            "unrecognized arguments: --num-executor. Did you mean --num-executors?",
        ),
        (options.parse, ["--executer-memory=1g", "app.py"], "Did you mean --executor-memory?"),
        (options.parse, ["--zzzz", "app.py"], "unrecognized arguments: --zzzz\n"),
        (command.main, ["docter"], "Did you mean doctor?"),
        (command.main, ["doctor", "--ray-adress", "x:1"], "Did you mean --ray-address?"),
        (command.main, ["archive", "--if-mising"], "Did you mean --if-missing?"),
    ],
)
def test_options_of_commands(
    run: Callable[[list[str]], object], words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(words)
    assert caught.value.code == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["help"], ["--help"]])
@pytest.mark.parametrize("run", [options.parse, command.main], ids=["raydp-submit", "python -m raydp"])
def test_a_command_alone_prints_its_help(
    run: Callable[[list[str]], object], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(words)
    said = capsys.readouterr()
    assert said.out.startswith("usage: ") and "--help" in said.out
    # Without any word nothing was done: scripts must see that, and what is missing.
    assert (caught.value.code, "required" in said.err) == ((0, False) if words else (2, True))
