"""The properties of the exchange hold in every deployment, and a program that ends leaves nothing behind.

These are tests that run in the native deployment, with fewer examples. Tests with the marker ``classic`` do not run
with Spark Connect, which lacks what they use.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import programs
from support.standalone_in_ray import QUICK_DAEMONS

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

TESTS = Path(__file__).parents[1]
IS_NIGHT = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
PROPERTIES = (
    "property/test_round_trips.py",
    "property/test_rows_of_rdds.py",
    "exchange/test_uneven_blocks.py::test_rows_in_blocks_that_differ_come_through",
    "exchange/test_types.py::test_all_types_in_one_frame",
)
# What these test is Spark's and the same in every deployment: plans of parts of columns, and the inference of types.
LEFT_OUT_BY_DAY = ("-k", "not any_columns and not parts_of_nested_columns and not inferred_columns")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder for temporary files whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="d-", dir="/tmp") as name:
        yield Path(name)


@pytest.mark.parametrize(
    "deployment",
    [
        pytest.param("local", marks=pytest.mark.nightly),
        "cluster",
        pytest.param("standalone", marks=pytest.mark.nightly),  # attached, as is "cluster"
        "connect",
    ],
)
def test_properties_hold_and_nothing_is_left(deployment: str, folder: Path) -> None:
    if deployment == "connect":
        pytest.importorskip("grpc_status", reason="raydp[connect] is not installed")
    mark = uuid.uuid4().hex
    outcome = programs.run(
        "property/in_another_deployment",
        deployment,
        *(() if IS_NIGHT else LEFT_OUT_BY_DAY),
        *(str(TESTS / name) for name in PROPERTIES),
        env={
            **dict.fromkeys(name for name in os.environ if name.startswith("PYTEST_")),
            **QUICK_DAEMONS,
            "HYPOTHESIS_PROFILE": "dev" if IS_NIGHT else "deployment",
            "RAYDP_TEST_MARK": mark,
            "TMPDIR": str(folder),
        },
        timeout=1500,
    )
    assert outcome.code == 0, outcome.everything
    assert programs.await_none(mark) == []  # nor a segment, since no file system has its name
    assert programs.files_left(folder) == []
