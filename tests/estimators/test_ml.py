"""An estimator of raydp among MLlib's stages: pipelines, cross-validation, saved and loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.evaluation import BinaryClassificationEvaluator, RegressionEvaluator
from pyspark.ml.feature import StandardScaler, VectorAssembler
from pyspark.ml.tuning import CrossValidator, ParamGridBuilder

from raydp.errors import InvalidArgumentError
from raydp.ml import RayEstimator
from raydp.sklearn import SklearnEstimator
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession


def features() -> list[Any]:
    assembler = VectorAssembler(inputCols=["x", "n", "flag"], outputCol="raw")
    return [assembler, StandardScaler(inputCol="raw", outputCol="features", withMean=True)]


def test_a_pipeline_is_fitted_saved_and_loaded(frame: DataFrame, tmp_path: Path) -> None:
    arguments = {"xgboost_params": {"max_depth": 2, "objective": "binary:logistic"}, "num_boost_round": 3}
    stage = RayEstimator(XGBoostEstimator, arguments, labelCol="late", probabilityCol="p", weightCol="w")
    pipeline = Pipeline(stages=[*features(), stage])
    pipeline.write().overwrite().save(str(tmp_path / "pipeline"))
    model = Pipeline.load(str(tmp_path / "pipeline")).fit(frame)
    scored = model.transform(frame)
    assert dict(scored.dtypes)["prediction"] == "double"
    evaluator = BinaryClassificationEvaluator(labelCol="late", rawPredictionCol="p", weightCol="w")
    auc = evaluator.evaluate(scored)
    assert auc > 0.9
    assert BinaryClassificationEvaluator(labelCol="late", weightCol="w").evaluate(scored) == pytest.approx(auc)
    row = scored.select("rawPrediction", "p").first()
    assert row is not None
    np.testing.assert_allclose(row[0], [np.log(row[1][0] / row[1][1]), np.log(row[1][1] / row[1][0])], rtol=1e-4)
    with pytest.raises(InvalidArgumentError, match="set rawPredictionCol"):
        model.stages[-1].copy({model.stages[-1].probabilityCol: "q"}).transform(scored.drop("prediction"))
    trained = model.stages[-1]
    assert trained.estimator.configuration.weight_column == "w"
    assert trained.estimator.evaluate(model.stages[1].transform(model.stages[0].transform(frame)))["auc"] == (
        pytest.approx(auc, abs=1e-3)  # MLlib puts scores into bins
    )
    model.write().overwrite().save(str(tmp_path / "model"))
    again = PipelineModel.load(str(tmp_path / "model")).transform(frame)
    columns = ["id", "prediction", "p"]
    assert sorted(again.select(columns).collect()) == sorted(scored.select(columns).collect())


def test_cross_validation_sets_the_arguments_of_the_grid(frame: DataFrame) -> None:
    from sklearn.linear_model import Ridge

    stage = RayEstimator(SklearnEstimator, {"model": Ridge(1e6)}, labelCol="y")
    grid = ParamGridBuilder().addGrid(stage.arguments, [{"model": Ridge(0.1)}]).build()
    evaluator = RegressionEvaluator(labelCol="y", metricName="rmse")
    validator = CrossValidator(estimator=stage, estimatorParamMaps=grid, evaluator=evaluator, numFolds=2, seed=1)
    assembled = Pipeline(stages=features()).fit(frame).transform(frame)
    found = validator.fit(assembled)
    assert found.avgMetrics[0] < 0.2  # with the first arguments, predictions would be the mean: 3
    assert found.bestModel.estimator.get_model().alpha == 0.1
    assert evaluator.evaluate(found.transform(assembled)) == pytest.approx(found.avgMetrics[0], rel=0.3)


def test_a_validator_is_saved_and_loaded(spark: SparkSession, tmp_path: Path) -> None:
    stage = RayEstimator(XGBoostEstimator, {"xgboost_params": {"max_depth": 2}}, labelCol="y")
    grid = ParamGridBuilder().addGrid(stage.arguments, [{"num_boost_round": rounds} for rounds in (2, 5)]).build()
    validator = CrossValidator(
        estimator=Pipeline(stages=[*features(), stage]),
        estimatorParamMaps=grid,
        evaluator=RegressionEvaluator(labelCol="y"),
    )
    validator.write().overwrite().save(str(tmp_path / "validator"))
    loaded = CrossValidator.load(str(tmp_path / "validator"))
    assert loaded.getEstimatorParamMaps() == grid
    again = loaded.getEstimator().getStages()[-1]
    assert (again.uid, again.getLabelCol()) == (stage.uid, "y")
    assert again.copy(grid[1]).getOrDefault("arguments") == {"num_boost_round": 5}


@pytest.mark.promised("RayEstimator", "InvalidArgumentError")
def test_wrong_arguments() -> None:
    with pytest.raises(InvalidArgumentError, match="must be one of raydp's estimator classes"):
        RayEstimator(dict)
    with pytest.raises(InvalidArgumentError, match="Remove from the arguments: label_column"):
        RayEstimator(XGBoostEstimator, {"label_column": "y"})
    with pytest.raises(InvalidArgumentError, match="Remove from the arguments: feature_columns"):
        RayEstimator(XGBoostEstimator).setArguments({"feature_columns": ["x"]})
