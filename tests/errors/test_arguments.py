"""Wrong arguments are refused at once: a typed error, before Java or Ray is touched."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import ray
from hypothesis import given
from hypothesis import strategies as st

import raydp
from raydp._configuration import registry
from raydp._configuration.arguments import check_whole_number
from raydp._configuration.memory_size import parse_memory_size
from raydp._configuration.setting_texts import to_text
from raydp._session.setting_arguments import SETTING_OF, to_settings
from raydp.errors import InvalidArgumentError

GOOD: dict[str, Any] = {"app_name": "t", "num_executors": 1, "executor_cores": 1, "executor_memory": "1g"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"executor_memory": "lots"}, ["memory size", "2g", "'lots'"]),
        ({"executor_memory": -1}, ["memory size", "-1"]),
        ({"executor_memory": True}, ["memory size", "bool"]),
        ({"executor_memory": "100m"}, ["450m", "100m"]),
        ({"executor_memory": 1024}, ["450m"]),
        ({"num_executors": 0}, ["num_executors", "at least 1", "0"]),
        ({"num_executors": -1, "configs": {"spark.dynamicAllocation.enabled": True}}, ["at least 0", "-1"]),
        ({"num_executors": "two"}, ["num_executors", "'two'"]),
        ({"executor_cores": 0}, ["executor_cores", "0"]),
        ({"executor_cores": 1.5}, ["executor_cores", "1.5"]),
        ({"app_name": ""}, ["app_name"]),
        ({"app_name": None}, ["app_name", "None"]),
        ({"enable_hive": "yes"}, ["enable_hive", "'yes'"]),
        ({"connect": "yes"}, ["connect", "'yes'"]),
        ({"connect": True, "deployment": "standalone"}, ["connect=True", "deployment: 'standalone'"]),
        ({"connect": True, "configs": {"spark.connect.grpc.binding.port": "http"}}, ["binding.port", "'http'"]),
        ({"connect": True, "configs": {"spark.connect.grpc.binding.port": 65536}}, ["binding.port", "'65536'"]),
        (
            {"connect": True, "configs": {"spark.connect.grpc.binding.address": "192.0.2.1"}},
            ["binding.address", "127.0.0.1", "tunnel", "'192.0.2.1'"],
        ),
        ({"configs": ["spark.x=1"]}, ["configs", "list"]),
        ({"configs": {"spark.raydp.runtimeEnv": {"env_vars": {"A": object()}}}}, ["becomes JSON", "object object"]),
        ({"configs": {"spark.raydp.exchange.blockSize": "huge"}}, ["a size from 1m", "'huge'"]),
        ({"configs": {"spark.raydp.exchange.blockSize": "1k"}}, ["from 1m to 1g", "blockSize", "'1k'"]),
        ({"configs": {"spark.raydp.exchange.timeout": "-5"}}, ["seconds", "spark.raydp.exchange.timeout"]),
        ({"configs": {"spark.raydp.progress": "maybe"}}, ["true, false or auto", "spark.raydp.progress", "maybe"]),
        ({"configs": {"spark.raydp.exchange.blokSize": "4m"}}, ["no such", "exchange.blockSize?", "exchange.blokSize"]),
        ({"configs": {"spark.raydp.executor.resources.GPU": "1"}}, ["spark.raydp.executor.resource.<name>?"]),
        ({"configs": {"spark.raydp.executor.resource.GPU": "-1"}}, ["at least 0", "resource.GPU: '-1'"]),
        ({"configs": {"spark.ray.bundle_indexes": "first"}}, ["placementGroup.bundleIndexes: 'first'"]),
        ({"configs": {"spark.driver.extraJavaOptions": "-Da='b"}}, ["quotation mark", "spark.driver.extraJavaOptions"]),
        ({"configs": {"spark.executor.extraJavaOptions": "-Da=b\\"}}, ["backslash", "spark.executor.extraJavaOptions"]),
        ({"placement_group_strategy": "CLOSE"}, ["strategy", "STRICT_PACK", "'CLOSE'"]),
        ({"placement_group_bundle_indexes": [0]}, ["placement_group_bundle_indexes", "placement_group"]),
        ({"placement_group": "mine"}, ["placement_group", "str"]),
    ],
)
@pytest.mark.promised("init_spark", "InvalidArgumentError")
def test_wrong_argument_is_named(changes: dict[str, Any], words: list[str]) -> None:
    was_running = ray.is_initialized()
    with pytest.raises(InvalidArgumentError) as caught:
        raydp.init_spark(**{**GOOD, **changes})
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert ray.is_initialized() == was_running


def test_arguments_that_are_settings_are_declared_and_documented() -> None:
    parameters = inspect.signature(raydp.init_spark).parameters
    for name in SETTING_OF:
        assert parameters[name].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert parameters[name].annotation
        assert f"        {name}: " in str(raydp.init_spark.__doc__)
        assert f"\n        {name}=" in inspect.getsource(raydp.init_spark), "it is passed to to_settings"


@pytest.mark.parametrize("name", [name for name, setting in SETTING_OF.items() if setting.parse("?") is None])
def test_arguments_that_are_settings_take_what_the_setting_takes(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"{name} must be .*'\?'"):
        raydp.init_spark(**{**GOOD, name: "?"})
    with pytest.raises(InvalidArgumentError, match=rf"{name} must be .*; got: '\?'"):
        to_settings(**{name: "?"})
    assert to_settings(**{name: None}) == {}


def test_values_of_python_become_the_text_of_settings() -> None:
    values = {"a": [1, "b"], "yes": True}
    texts = {key: to_text(value) for key, value in {"list": ("x", 2), "json": values, "flag": False, "n": 1.5}.items()}
    assert texts == {"list": "x,2", "json": '{"a": [1, "b"], "yes": true}', "flag": "false", "n": "1.5"}
    assert to_settings(fault_tolerant_mode=False) == {"spark.raydp.exchange.faultTolerant": "false"}


def test_numbers_of_numpy_are_numbers() -> None:
    assert check_whole_number("n", np.int64(2)) == 2
    assert type(check_whole_number("n", np.uint8(2))) is int
    assert parse_memory_size(np.int64(1 << 30)) == 1 << 30
    for wrong in (np.float64(2), np.bool_(True), True, "2", None, 0):  # noqa: FBT003
        with pytest.raises(InvalidArgumentError, match="n must be a whole number of at least 1; got"):
            check_whole_number("n", wrong)


@pytest.mark.parametrize(("name", "least"), [("spark.executor.cores", 1), ("spark.executor.instances", 0)])
def test_the_smallest_number_of_a_setting_is_named(name: str, least: int) -> None:
    registry.check({name: str(least)})
    with pytest.raises(InvalidArgumentError, match=f"at least {least}. {name}: '-1'"):
        registry.check({name: "-1"})


@given(st.integers(0, 10**6), st.sampled_from(["", "K", "m", "G", "t"]), st.sampled_from(["", "B", "b", "iB"]))
def test_memory_sizes_are_powers_of_1024(number: int, unit: str, suffix: str) -> None:
    factor = 1024 ** " kmgt".index(unit.lower() or " ")
    assert parse_memory_size(f" {number} {unit}{suffix}") == number * factor
    assert parse_memory_size(f"{number}{unit}{suffix}") == number * factor


@given(st.text(max_size=12))
def test_anything_else_than_a_size_is_refused(text: str) -> None:
    try:
        size = parse_memory_size(text)
    except InvalidArgumentError as error:
        message = str(error)
    else:
        assert size >= 0
        assert any(character.isdigit() for character in text)
        return
    assert repr(text) in message


def test_memory_sizes_of_raydp_1_6() -> None:
    sizes = {"500MB": 500 << 20, "500M": 500 << 20, "10 KB": 10 << 10, "1.5G": 3 << 29, "2t": 2 << 40, "123": 123}
    assert {text: parse_memory_size(text) for text in sizes} == sizes


@pytest.mark.promised("attach", "InvalidArgumentError")
def test_ways_to_exchange_are_named() -> None:
    session: Any = None
    with pytest.raises(InvalidArgumentError, match=r"exchange must be one of auto, shared-memory.*'tcp'"):
        raydp.attach(session, exchange="tcp")
