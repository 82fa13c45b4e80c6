"""The smallest learner of a framework, as docs/estimators.md shows it, is complete."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from raydp._estimators.configuration import Configuration
from raydp._estimators.estimator import Estimator
from raydp._estimators.frameworks import Learner, TrainedModel

if TYPE_CHECKING:
    import pandas as pd

PAGE = Path(__file__).parents[2] / "docs" / "estimators.md"


def test_the_learner_of_the_documents_trains_and_predicts(ray_cluster: Any, rows: pd.DataFrame, tmp_path: Path) -> None:
    (source,) = re.findall(r"```python\n(@dataclass.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = {
        "__name__": "__main__",  # so that it travels to the worker with its code
        "Configuration": Configuration,
        "Estimator": Estimator,
        "Learner": Learner,
        "TrainedModel": TrainedModel,
        "dataclass": dataclass,
        "np": np,
    }
    exec(compile(source, str(PAGE), "exec"), names)
    estimator = names["estimator"]
    data = rows[["x", "n", "flag", "y"]]
    estimator.fit(data)
    matrix = data[["x", "n", "flag"]].to_numpy(np.float64)
    expected = matrix @ np.linalg.lstsq(matrix, data["y"])[0]
    np.testing.assert_allclose(estimator.predict(data)["prediction"], expected, rtol=1e-4, atol=1e-4)
    estimator.save(tmp_path)
    again = Estimator.load(tmp_path).predict(data)["prediction"]
    np.testing.assert_array_equal(again, estimator.predict(data)["prediction"])
