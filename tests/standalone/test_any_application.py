"""Applications of any kind on a standalone cluster: in Java, several that share it, of other versions of Spark.

``RAYDP_TEST_OTHER_SPARKS`` names folders of other versions of Spark, separated as paths are, such as the folders
``pyspark`` of the packages of PySpark 3.5 and 4.0.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pyspark
import pytest

from support import programs
from support.standalone_in_ray import QUICK_DAEMONS, folders_left

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.nightly]

OWN = os.fspath(Path(pyspark.__file__).parent)
OTHERS = [name for name in os.environ.get("RAYDP_TEST_OTHER_SPARKS", "").split(os.pathsep) if name]


@pytest.mark.parametrize("home", [OWN, *OTHERS])
def test_applications_of_any_kind(home: str, tmp_path: Path) -> None:
    mark, folder = uuid.uuid4().hex, tmp_path / "files"
    folder.mkdir()
    env = {**QUICK_DAEMONS, "RAYDP_TEST_MARK": mark, "TMPDIR": str(folder)}
    outcome = programs.run("standalone/any_application", home, str(tmp_path), env=env, timeout=600)
    assert programs.await_none(mark) == []
    assert outcome.code == 0, outcome.everything
    assert folders_left(folder) == []
    (version,) = outcome.facts("the cluster")["version"]
    has_token = not version.startswith("3.")
    assert outcome.facts("the cluster")["UI"] == ["False 401 None" if has_token else "True 200 false"], (
        outcome.everything
    )
    said = outcome.facts("applications")
    assert said["Python"] == ["10 15"], outcome.everything
    assert said["Java"] == ["999000 false sums two,words true"], outcome.everything
    if home == OWN:
        assert said["attached"][0].startswith("ClusterError: This process is not connected to Ray"), outcome.everything
    else:
        assert said["attached"][0].startswith("MissingRequirementError: raydp "), outcome.everything
        assert version in said["attached"][0] and said["attached"][0].endswith(" 3"), outcome.everything
    assert outcome.facts("shared") == {
        "ready": [f"ready {version} ready {version}"],
        "in turn": ["28 28 28 28"],
        "ended": ["0 0"],
        "workers": ["2"],
    }, outcome.everything
