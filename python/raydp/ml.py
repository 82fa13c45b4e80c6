"""Estimators of raydp as stages of Spark ML pipelines.

A :class:`RayEstimator` stands in a ``Pipeline`` behind MLlib's feature stages, can be tuned by a ``CrossValidator``,
and is saved and loaded with the pipeline.
"""

from __future__ import annotations

import base64
import inspect
from typing import TYPE_CHECKING, Any, Self

from pyspark.ml import Estimator, Model
from pyspark.ml.functions import array_to_vector
from pyspark.ml.param import Param, TypeConverters
from pyspark.ml.param.shared import HasFeaturesCol, HasLabelCol, HasPredictionCol, HasProbabilityCol, HasWeightCol
from pyspark.ml.util import DefaultParamsReader, DefaultParamsWriter, MLReadable, MLReader, MLWritable, MLWriter
from pyspark.sql import functions
from pyspark.sql.types import NumericType
from ray import cloudpickle

from raydp._estimators import estimator as _estimator
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from raydp._estimators.training.result import FitResult

__all__ = ["RayEstimator", "RayModel"]

_BY_COLUMNS = ("label_column", "feature_columns", "weight_column")


class _Columns(HasFeaturesCol, HasLabelCol, HasPredictionCol, HasProbabilityCol, HasWeightCol):
    """The columns of a stage; an empty ``probabilityCol`` or ``weightCol`` means none."""

    def _set_defaults(self) -> None:
        self._setDefault(probabilityCol="", weightCol="")

    def _optional(self, param: Param[str]) -> str | None:
        return self.getOrDefault(param) or None


class RayEstimator(Estimator["RayModel"], _Columns, MLReadable["RayEstimator"], MLWritable):
    """A stage that trains one of raydp's estimators.

    The label, the feature and the weight column are the stage's own Params (``labelCol``, ``featuresCol``: a vector,
    an array or a number, ``weightCol``), like those of MLlib's estimators.

    The Param ``arguments`` holds further arguments of the estimator, over those given here; a grid for a
    ``CrossValidator`` is made of it::

        stage = RayEstimator(XGBoostEstimator, {"xgboost_params": {"objective": "binary:logistic"}}, labelCol="late")
        grid = ParamGridBuilder().addGrid(stage.arguments, [{"num_boost_round": n} for n in (10, 50)]).build()

    Args:
        estimator: A class of estimators, such as :class:`raydp.xgboost.XGBoostEstimator`.
        arguments: Its arguments, by name, without columns.
        columns: Values of the Params ``featuresCol``, ``labelCol``, ``predictionCol``, ``probabilityCol`` (none by
            default) and ``weightCol`` (none by default).

    Raises:
        InvalidArgumentError: ``estimator`` is no class of estimators, or an argument names a column.
    """

    def __init__(self, estimator: type[Any], arguments: dict[str, Any] | None = None, **columns: str) -> None:
        super().__init__()
        if not (inspect.isclass(estimator) and issubclass(estimator, _estimator.Estimator)):
            raise InvalidArgumentError(
                f"estimator must be a class of raydp's estimators, such as XGBoostEstimator; got: {estimator!r}"
            )
        self.arguments: Param[dict[str, Any]] = Param(
            self, "arguments", "arguments of the estimator, over those it was made with", TypeConverters.identity
        )
        self._estimator_class: Any = estimator
        self._arguments = _checked(arguments or {})
        self._set_defaults()
        self._set(**columns)

    def setArguments(self, value: dict[str, Any]) -> Self:  # noqa: N802  (as MLlib names setters)
        """Set the Param ``arguments``."""
        self._set(arguments=_checked(value))
        return self

    def _all_arguments(self) -> dict[str, Any]:
        given = self.getOrDefault(self.arguments) if self.isSet(self.arguments) else {}
        return {**self._arguments, **_checked(given)}

    def _fit(self, dataset: DataFrame) -> RayModel:
        estimator = self._estimator_class(
            **self._all_arguments(),
            label_column=self.getLabelCol(),
            feature_columns=[self.getFeaturesCol()],
            **({"weight_column": weight} if (weight := self._optional(self.weightCol)) else {}),
        )
        result = estimator.fit(dataset)
        return self._copyValues(RayModel(estimator, result))

    def write(self) -> MLWriter:
        """Return a writer for the stage."""
        return _Writer(self, (self._estimator_class, self._all_arguments()))

    @classmethod
    def read(cls) -> MLReader[RayEstimator]:
        """Return a reader of stages."""
        return _Reader(lambda content: cls(*content))


class RayModel(Model, _Columns, MLReadable["RayModel"], MLWritable):
    """What a :class:`RayEstimator` trained.

    ``transform`` predicts on Ray at once, and gives a DataFrame over the result. Numeric predictions are doubles
    and probabilities vectors, as MLlib's evaluators want them.

    Attributes:
        estimator: The fitted estimator.
        result: Metrics of the fit; ``None`` for a model that was loaded.
    """

    def __init__(self, estimator: Any, result: FitResult | None = None) -> None:
        super().__init__()
        self._set_defaults()
        self.estimator = estimator
        self.result = result

    def _transform(self, dataset: DataFrame) -> DataFrame:
        prediction, probability = self.getPredictionCol(), self._optional(self.probabilityCol)
        predicted: DataFrame = self.estimator.predict(
            dataset, prediction_column=prediction, probability_column=probability
        )
        if isinstance(predicted.schema[prediction].dataType, NumericType):
            predicted = predicted.withColumn(prediction, functions.col(f"`{prediction}`").cast("double"))
        if probability is not None:
            predicted = predicted.withColumn(probability, array_to_vector(functions.col(f"`{probability}`")))
        return predicted

    def write(self) -> MLWriter:
        """Return a writer for the model."""
        return _Writer(self, self.estimator)

    @classmethod
    def read(cls) -> MLReader[RayModel]:
        """Return a reader of models; it unpickles, so that only what is trusted should be read."""
        return _Reader(lambda content: cls(content))


class _Writer(MLWriter):
    """Writes Params as all Python stages do, and the rest pickled into the metadata."""

    def __init__(self, stage: Any, content: Any) -> None:
        super().__init__()
        self._stage, self._content = stage, content

    def saveImpl(self, path: str) -> None:  # noqa: N802  (MLWriter's)
        stage = self._stage.copy()
        if stage.hasParam("arguments"):
            stage.clear(stage.getParam("arguments"))  # in the content; it need not be JSON
        pickled = base64.b64encode(cloudpickle.dumps(self._content)).decode()
        DefaultParamsWriter.saveMetadata(stage, path, self.sparkSession, extraMetadata={"pickled": pickled})


class _Reader(MLReader[Any]):
    def __init__(self, make: Any) -> None:
        super().__init__()
        self._make = make

    def load(self, path: str) -> Any:
        metadata = DefaultParamsReader.loadMetadata(path, self.sparkSession)
        stage = self._make(cloudpickle.loads(base64.b64decode(metadata["pickled"])))
        stage._resetUid(metadata["uid"])  # noqa: SLF001  (as pyspark's own readers do; grids name a stage by it)
        DefaultParamsReader.getAndSetParams(stage, metadata)
        return stage


def _checked(arguments: dict[str, Any]) -> dict[str, Any]:
    columns = [name for name in _BY_COLUMNS if name in arguments]
    if columns:
        raise InvalidArgumentError(
            "Columns are Params of the stage: labelCol, featuresCol, weightCol. "
            f"Leave out of the arguments: {', '.join(columns)}"
        )
    return dict(arguments)
