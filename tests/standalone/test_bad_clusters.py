"""What ``start_standalone`` and ``init_spark(deployment=...)`` refuse, before they do anything with Ray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import ray

import raydp
from raydp.errors import InvalidArgumentError, MissingRequirementError, UnknownArgumentError

if TYPE_CHECKING:
    from pathlib import Path

NO_SPARK = "This is not a Spark installation: its jars folder must have one spark-core jar"


@pytest.mark.promised("start_standalone", "InvalidArgumentError")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_workers": 0}, "num_workers must be a whole number of at least 1; got: 0"),
        ({"worker_cores": 1.5}, "worker_cores must be a whole number of at least 1; got: 1.5"),
        ({"worker_memory": "300m"}, "A worker needs at least 450m for executors"),
        ({"worker_memory": "much"}, "This is not a memory size"),
        ({"configs": "spark.a=1"}, "configs must be a dict of Spark settings; got str"),
        ({"configs": {"spark.master": "local"}}, "the one that is started, so its URL cannot be set"),
        ({"configs": {"spark.raydp.baner": "false"}}, "Did you mean spark.raydp.banner"),
        ({"configs": {"spark.authenticate": "perhaps"}}, "This setting must be true or false"),
        ({"spark_home": 4}, "spark_home must be the path of a folder; got: 4"),
        ({"timeout_seconds": -1}, "timeout_seconds must be a number between 0 and a week; got: -1"),
        ({"timeout_seconds": "soon"}, "timeout_seconds must be a number between 0 and a week; got: 'soon'"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        raydp.start_standalone(**{"num_workers": 1, "worker_cores": 1, "worker_memory": "600m", **arguments})
    assert message in str(caught.value)


def test_names_of_other_functions() -> None:
    with pytest.raises(UnknownArgumentError, match="Did you mean num_workers"):
        raydp.start_standalone(num_executors=2)  # type: ignore[call-arg]


@pytest.mark.promised("start_standalone", "MissingRequirementError")
def test_a_folder_without_spark(tmp_path: Path) -> None:
    with pytest.raises(MissingRequirementError, match=NO_SPARK):
        raydp.start_standalone(1, 1, "600m", spark_home=tmp_path)
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "spark-core_2.13-4.3.0.jar").touch()
    with pytest.raises(MissingRequirementError, match="no script that starts its daemons") as caught:
        raydp.start_standalone(1, 1, "600m", spark_home=str(tmp_path))
    assert str(caught.value).endswith(str(tmp_path / "bin" / "spark-class"))


def test_the_variable_names_a_folder_without_spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    with pytest.raises(MissingRequirementError, match=NO_SPARK):
        raydp.start_standalone(1, 1, "600m")


def test_a_deployment_that_does_not_exist() -> None:
    was_connected = ray.is_initialized()
    with pytest.raises(InvalidArgumentError) as caught:
        raydp.init_spark("t", deployment="standalon")
    assert str(caught.value) == (
        "deployment must be one of native, standalone. Did you mean standalone? Got: 'standalon'"
    )
    with pytest.raises(InvalidArgumentError, match="deployment must be one of native, standalone; got: None"):
        raydp.init_spark("t", deployment=None)  # type: ignore[arg-type]
    assert ray.is_initialized() == was_connected


def test_placement_groups_are_for_the_native_deployment() -> None:
    with pytest.raises(InvalidArgumentError, match="Leave out the arguments that begin with placement_group"):
        raydp.init_spark("t", deployment="standalone", placement_group_strategy="SPREAD")
