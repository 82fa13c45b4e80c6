"""An estimator of raydp among MLlib's stages: pipelines, cross-validation, saved and loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.evaluation import BinaryClassificationEvaluator, RegressionEvaluator
from pyspark.ml.feature import StandardScaler, VectorAssembler
from pyspark.ml.tuning import CrossValidator, ParamGridBuilder
from pyspark.sql import functions
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.neural_network import MLPRegressor

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
    arguments = {"xgboost_params": {"max_depth": 9, "eta": 0.7, "objective": "binary:logistic"}}
    stage = RayEstimator(
        XGBoostEstimator, arguments, labelCol="late", probabilityCol="p", weightCol="w", maxDepth=2, numBoostRound=3
    )
    pipeline = Pipeline(stages=[*features(), stage.setLearningRate(0.4)])
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
    rows = PipelineModel(model.stages[:2]).transform(frame).select("features", "late", "w").toPandas()
    expected = xgboost.train(
        {"max_depth": 2, "learning_rate": 0.4, "objective": "binary:logistic"},
        xgboost.DMatrix(np.stack([one.toArray() for one in rows["features"]]), rows["late"], weight=rows["w"]),
        3,
    )
    own = trained.estimator.get_model().trees_to_dataframe()[["Tree", "Node", "Gain"]]
    pd.testing.assert_frame_equal(own, expected.trees_to_dataframe()[["Tree", "Node", "Gain"]])
    assert trained.estimator.evaluate(model.stages[1].transform(model.stages[0].transform(frame)))["auc"] == (
        pytest.approx(auc, abs=1e-3)  # MLlib puts scores into bins
    )
    model.write().overwrite().save(str(tmp_path / "model"))
    loaded = PipelineModel.load(str(tmp_path / "model"))
    for one in (trained, loaded.stages[-1]):
        assert (one.getMaxDepth(), one.getLearningRate(), one.getNumBoostRound(), one.getGamma()) == (2, 0.4, 3, None)
    again = loaded.transform(frame)
    columns = ["id", "prediction", "p"]
    assert sorted(again.select(columns).collect()) == sorted(scored.select(columns).collect())


def test_cross_validation_over_params_finds_what_scikit_learn_finds_alone(frame: DataFrame) -> None:
    stage = RayEstimator(SklearnEstimator, {"model": Ridge(1e6)}, labelCol="y")
    grid = ParamGridBuilder().addGrid(stage.alpha, [50.0]).build()
    evaluator = RegressionEvaluator(labelCol="y", metricName="rmse")
    assembled = Pipeline(stages=features()).fit(frame).transform(frame.withColumn("fold", functions.expr("id % 2")))
    assembled = assembled.withColumn("fold", functions.col("fold").cast("int"))
    found = CrossValidator(
        estimator=stage, estimatorParamMaps=grid, evaluator=evaluator, numFolds=2, foldCol="fold"
    ).fit(assembled)
    rows = assembled.select("features", "y", "fold").toPandas()
    matrix = np.stack([one.toArray() for one in rows["features"]])
    errors = []
    for fold in (rows["fold"] == 0, rows["fold"] == 1):
        model = Ridge(50.0).fit(matrix[~fold], rows["y"][~fold])
        errors.append(root_mean_squared_error(rows["y"][fold], model.predict(matrix[fold])))
    assert found.avgMetrics == [pytest.approx(np.mean(errors))]
    assert found.bestModel.getAlpha() == found.bestModel.estimator.get_model().alpha == 50.0


def test_a_validator_is_saved_and_loaded(spark: SparkSession, tmp_path: Path) -> None:
    stage = RayEstimator(XGBoostEstimator, {"xgboost_params": {"max_depth": 2}}, labelCol="y", evalMetric=["mae"])
    grid = ParamGridBuilder().addGrid(stage.arguments, [{"num_boost_round": rounds} for rounds in (2, 5)])
    grid = grid.addGrid(stage.maxDepth, [3, 5]).addGrid(stage.learningRate, [0.1]).build()
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
    assert again.copy(grid[3]).getOrDefault("arguments") == {"num_boost_round": 5}
    assert again.copy(grid[3]).setGamma(0.5)._merge_arguments() == {
        "num_boost_round": 5,
        "xgboost_params": {"max_depth": 5, "learning_rate": 0.1, "eval_metric": ["mae"], "gamma": 0.5},
    }
    assert (again.getMaxDepth(), stage.getMaxDepth(), stage.isSet("maxDepth")) == (2, 2, False)
    network = RayEstimator(SklearnEstimator, {"model": MLPRegressor()}, hiddenLayerSizes=(5,))  # JSON has no tuples
    network.save(str(tmp_path / "network"))
    assert RayEstimator.load(str(tmp_path / "network")).getHiddenLayerSizes() == (5,)


@pytest.mark.promised("RayEstimator", "InvalidArgumentError")
def test_wrong_arguments() -> None:
    with pytest.raises(InvalidArgumentError, match="must be one of raydp's estimator classes"):
        RayEstimator(dict)
    with pytest.raises(InvalidArgumentError, match="Remove from the arguments: label_column"):
        RayEstimator(XGBoostEstimator, {"label_column": "y"})
    with pytest.raises(InvalidArgumentError, match="Remove from the arguments: feature_columns"):
        RayEstimator(XGBoostEstimator).setArguments({"feature_columns": ["x"]})
