"""How exceptions of the driver JVM become raydp's errors. Needs no JVM."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JError, Py4JJavaError

import raydp.errors
from raydp._application.startup_failures import FAILURES
from raydp._spark.java_errors import JavaCause, causes, translated, translated_errors
from raydp.errors import ExchangeError, RaydpError


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


def test_each_kind_of_failure_has_an_exception() -> None:
    folder = Path(__file__).parents[2] / "jvm/src/main/scala/io/raydp/lifecycle"
    source = (folder / "RayApplicationException.scala").read_text()
    kinds = re.findall(r'extends FailureKind\("(\w+)"\)', source)
    assert len(kinds) > 3 and sorted(kinds) == sorted(FAILURES)


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
