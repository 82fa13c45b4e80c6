"""How exceptions of the driver JVM become raydp's errors. Needs no JVM."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JError, Py4JJavaError

import raydp.errors
from raydp._exchange.driver import jvm_errors
from raydp._spark.java_errors import ERRORS, JavaCause, causes, translated, translated_errors
from raydp.errors import DataLossError, ExchangeError, RaydpError, UnsupportedTypeError

JVM = Path(__file__).parents[2] / "jvm" / "src" / "main"


class FakeException:
    """A Java exception as Py4J presents it."""

    def __init__(self, name: str, message: str | None, cause: FakeException | None = None) -> None:
        self._target_id, self._name, self._message, self.cause = "o1", name, message, cause

    def getClass(self) -> Any:  # noqa: N802  (as in Java)
        return self

    def getName(self) -> str:  # noqa: N802
        return self._name

    def getMessage(self) -> str | None:  # noqa: N802
        return self._message

    def getCause(self) -> FakeException | None:  # noqa: N802
        return self.cause


def error_for(cause: JavaCause) -> RaydpError | None:
    return ExchangeError(cause.message) if cause.class_name == "ours" else None


def raised(*names: str) -> Py4JJavaError:
    exception: FakeException | None = None
    for name in reversed(names):
        exception = FakeException(name, f"of {name}", exception)
    return Py4JJavaError("An error occurred", exception)


def test_the_outermost_known_cause_decides() -> None:
    assert [cause.class_name for cause in causes(raised("spark", "ours", "io"))] == ["spark", "ours", "io"]
    known = translated(raised("spark", "ours", "io"), error_for)
    assert isinstance(known, ExchangeError) and str(known) == "of ours"
    assert translated(raised("spark", "io"), error_for) is None


def test_each_kind_of_failure_names_an_error() -> None:
    source = (JVM / "scala/io/raydp/lifecycle/RayApplicationException.scala").read_text()
    kinds = re.findall(r'case object (\w+) extends FailureKind\("\w+", "(\w+)"', source)
    assert len(kinds) == source.count("case object") > 3
    assert {error for _, error in kinds} <= set(ERRORS)
    (listed,) = re.findall(r"Vector\(([\w, ]+)\)", source)
    assert sorted(listed.split(", ")) == sorted(kind for kind, _ in kinds)


def test_exceptions_of_the_exchange_have_the_names_of_errors() -> None:
    files = [path for path in JVM.rglob("*Exception.*") if "exchange" in path.parts]
    found = {path.stem.removesuffix("Exception"): path.parts[path.parts.index("exchange") + 1 : -1] for path in files}
    # A DataException's message names its error. Only tasks throw an OversizedRowException, which is an ExchangeError.
    named = set(found) - {"Data", "OversizedRow"}
    assert len(files) > 3 and len(named) == len(found) - 2
    assert {f"{name}Error" for name in named} <= set(ERRORS)
    for name in named:
        class_name = ".".join(["io.raydp.exchange", *found[name], f"{name}Exception"])
        known = jvm_errors.error_for(JavaCause(class_name, "m", None))
        assert type(known) is ERRORS[f"{name}Error"] and str(known) == "m"


@pytest.mark.parametrize(
    ("quoted", "error", "message"),
    [
        ("DataException: DataLossError: 1 ns", DataLossError, "1 ns"),
        ("columns.UnsupportedTypeException: a type", UnsupportedTypeError, "a type"),
        ("ExchangeException: gone", ExchangeError, "A Spark task could not exchange its rows: gone"),
        ("columns.OversizedRowException: 3 GiB", ExchangeError, "A Spark task could not exchange its rows: 3 GiB"),
    ],
)
def test_errors_that_spark_only_quotes(quoted: str, error: type[RaydpError], message: str) -> None:
    text = f"Job aborted: Lost task 0.0 in stage 1.0: io.raydp.exchange.{quoted}\n\tat io.raydp.Task"
    known = jvm_errors.error_in_text(JavaCause("org.apache.spark.SparkException", text, None))
    assert type(known) is error and str(known) == message
    assert jvm_errors.error_in_text(JavaCause("org.apache.spark.SparkException", "Job aborted", None)) is None


def test_circular_causes_end() -> None:
    first, second = FakeException("a", None), FakeException("b", None)
    first.cause, second.cause = second, first
    assert translated(Py4JJavaError("", first), error_for) is None


def test_errors_of_ours_are_raised_and_others_pass_through() -> None:
    with pytest.raises(ExchangeError, match="of ours"), translated_errors(error_for, no_answer=ExchangeError):
        raise raised("spark", "ours")
    plain = raised("spark")
    with pytest.raises(Py4JJavaError) as caught, translated_errors(error_for, no_answer=ExchangeError):
        raise plain
    assert caught.value is plain
    with pytest.raises(ExchangeError, match="does not answer"), translated_errors(error_for, no_answer=ExchangeError):
        raise Py4JError("gone")


def test_all_errors_say_where_users_import_them() -> None:
    assert {getattr(raydp.errors, name).__module__ for name in raydp.errors.__all__} == {"raydp.errors"}
    defined = {
        name for name, one in vars(raydp.errors).items() if isinstance(one, type) and issubclass(one, RaydpError)
    }
    assert defined == set(raydp.errors.__all__)
