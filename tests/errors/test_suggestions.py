"""Which name is suggested for one that does not exist."""

from __future__ import annotations

import pytest

from raydp._configuration.suggestions import did_you_mean, find_nearest


@pytest.mark.parametrize(
    ("name", "known", "nearest"),
    [
        ("max_dept", ["max_leaves", "max_depth", "max_bin"], "max_depth"),
        ("epochs", ["num_workers", "num_epochs"], "num_epochs"),
        ("xgb_params", ["num_boost_round", "xgboost_params"], "xgboost_params"),
        ("Fare", ["age", "fare"], "fare"),
        ("batch-size", ["batch_size", "drop_last"], "batch_size"),
        ("speed", ["x", "n", "flag"], None),
        ("", ["x"], None),
        (7, ["x"], None),
        ("x", [], None),
    ],
)
def test_the_nearest_name(name: object, known: list[str], nearest: str | None) -> None:
    assert find_nearest(name, known) == nearest
    assert did_you_mean(name, known) == ("" if nearest is None else f"Did you mean {nearest}? ")
