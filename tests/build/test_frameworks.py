"""Each framework of estimators, a package with a ``learner.py``, has everything that belongs to it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from support.frameworks import (
    estimator_decorators,
    estimator_methods,
    framework_names,
    public_names,
    required_modules,
)

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.parametrize("name", framework_names())


def test_its_package_exports_its_estimator(name: str) -> None:
    (estimator,) = public_names(name)
    assert estimator.endswith("Estimator")


def test_its_extra_installs_it_and_ray_train(name: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert name in extras, "pyproject.toml has an extra with the name of each framework"
    assert any(requirement.startswith("ray[train]") for requirement in extras[name])
    assert len(extras[name]) > 1


def test_its_estimator_says_what_to_install(name: str) -> None:
    modules = required_modules(name)
    assert modules, "estimator.py calls require before it imports the framework"
    assert set(modules.values()) == {name}


def test_its_estimator_shows_all_options_under_its_public_name(name: str) -> None:
    decorators = estimator_decorators(name)
    assert decorators.get("public_in") == f"public_in('raydp.{name}')"
    assert "with_options" in decorators


def test_its_estimator_lists_its_hyperparameters(name: str) -> None:
    assert "hyperparameters" in estimator_methods(name), "raydp.ml makes a Param of each"


def test_it_is_documented(name: str) -> None:
    rows = [line for line in (ROOT / "docs" / "estimators.md").read_text().splitlines() if line.startswith("| `raydp.")]
    expected = f"| `raydp.{name}.{public_names(name)[0]}` | `raydp[{name}]` |"
    assert any(row.startswith(expected) for row in rows), f"docs/estimators.md has no row {expected}"


def test_it_is_compared_with_the_framework_alone(name: str) -> None:
    assert (ROOT / "tests" / "estimators" / f"test_{name}.py").exists()
