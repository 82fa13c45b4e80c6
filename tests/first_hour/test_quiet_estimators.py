"""Estimators and conversions keep Ray Data's log lines in its file; a progress bar moves with each round."""

from __future__ import annotations

import io
import logging
import re
from typing import Any

import pytest
import ray.data

from raydp._ray.internals import blocks_of_dataset
from support import programs


@pytest.mark.cluster
def test_calls_of_an_estimator_show_its_bar_and_nothing_of_ray_data() -> None:
    outcome = programs.run("first_hour/quiet_estimator", env={"COLUMNS": "200"})  # or the bar is cut off
    said = outcome.output.splitlines()
    assert said[:2] == ["['accuracy', 'auc', 'logloss']", "1000"], outcome.everything
    assert said[2] == (
        "The training workers found no free resources on the cluster. Something else uses them: other tasks, actors or "
        "placement groups of Ray. End them, or wait longer. Requested: 1 x {CPU: 1}, PACK; free: {CPU: 0}; "
        "in all: {CPU: 2}; waited 0.1 s"
    ), "without Spark, nothing about Spark"
    ours, program = outcome.errors.split("== calls of raydp\n")[1].split("== calls of the program\n")
    drawn = [part.strip() for part in re.split(r"[\r\n]", ours) if part.strip()]
    assert [part for part in drawn if not part.startswith("raydp: training xgboost: ")] == [], outcome.everything
    assert any("starting workers" in part for part in drawn)
    assert any(re.search(r"[123]/3 .*evaluate-logloss=", part) for part in drawn), drawn  # the checkpoint is every 10
    assert "Starting execution of Dataset" in program, "the program's own Datasets log as ever"


def test_a_conversion_runs_a_dataset_in_silence(ray_cluster: Any) -> None:
    console = io.StringIO()
    handler = logging.StreamHandler(console)
    handler.setLevel(logging.INFO)  # as Ray's own
    logger = logging.getLogger("ray.data")
    logger.addHandler(handler)
    try:
        blocks = blocks_of_dataset(ray.data.range(10).map(lambda row: row))
        assert sum(rows or 0 for rows in blocks.rows) == 10
        assert console.getvalue() == ""
        ray.data.range(10).map(lambda row: row).take_all()
        assert "Starting execution of Dataset" in console.getvalue()
    finally:
        logger.removeHandler(handler)
