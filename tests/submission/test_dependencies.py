"""Sessions with a package from Maven Central, and with Hive's catalog and a metastore on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import programs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.cluster


def test_a_package_from_maven_central_reaches_the_executors(tmp_path: Path) -> None:
    outcome = programs.run("submission/a_package_from_maven_central_reaches_the_executors", str(tmp_path))
    assert outcome.code == 0, outcome.everything
    assert outcome.output.splitlines()[-1] == "['&lt;0', '&lt;1']"


def test_tables_in_hives_catalog_outlive_the_session(tmp_path: Path) -> None:
    outcome = programs.run("submission/tables_in_hives_catalog_outlive_the_session", str(tmp_path))
    assert outcome.code == 0, outcome.everything
    assert outcome.output.splitlines()[-2:] == [f"numbers {sum(range(1, 1000, 3))} 1000"] * 2, outcome.everything
