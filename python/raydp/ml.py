"""Estimators of raydp as stages of Spark ML pipelines.

Put a :class:`RayEstimator` into a ``Pipeline`` after MLlib's feature stages. A ``CrossValidator`` can tune it, and the
pipeline saves and loads it.
"""

from __future__ import annotations

import base64
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from pyspark.ml import Estimator, Model
from pyspark.ml.functions import array_to_vector
from pyspark.ml.param import Param, TypeConverters
from pyspark.ml.param.shared import (
    HasFeaturesCol,
    HasLabelCol,
    HasPredictionCol,
    HasProbabilityCol,
    HasRawPredictionCol,
    HasWeightCol,
)
from pyspark.ml.util import DefaultParamsReader, DefaultParamsWriter, MLReadable, MLReader, MLWritable, MLWriter
from pyspark.sql import functions
from pyspark.sql.types import NumericType
from ray import cloudpickle

from raydp._configuration.arguments import check_argument_names, suggests_arguments
from raydp._estimators import estimator as _estimator
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from raydp._estimators.training.result import FitResult

__all__ = ["RayEstimator", "RayModel"]

_SMALLEST_PROBABILITY = 1e-15
_BY_COLUMNS = ("label_column", "label_columns", "feature_columns", "weight_column")


class _Columns(HasFeaturesCol, HasLabelCol, HasPredictionCol, HasRawPredictionCol, HasProbabilityCol, HasWeightCol):
    """The columns of a stage. If one of the last three is empty, there is no such column."""

    def _set_defaults(self) -> None:
        self._setDefault(weightCol="")

    def _get_optional(self, param: Param[str]) -> str | None:
        return self.getOrDefault(param) or None


class RayEstimator(Estimator["RayModel"], _Columns, MLReadable["RayEstimator"], MLWritable):
    """A stage that trains one of raydp's estimators.

    The columns are Params of the stage, as in MLlib's estimators: ``labelCol``, ``featuresCol`` (a vector, an array or
    a number) and ``weightCol``.

    The Param ``arguments`` overrides arguments of the estimator. Use it to build a grid for a ``CrossValidator``::

        stage = RayEstimator(XGBoostEstimator, {"xgboost_params": {"objective": "binary:logistic"}}, labelCol="late")
        grid = ParamGridBuilder().addGrid(stage.arguments, [{"num_boost_round": n} for n in (10, 50)]).build()

    Args:
        estimator: An estimator class, such as :class:`raydp.xgboost.XGBoostEstimator`.
        arguments: Arguments of the estimator, by name, without the columns. The estimator checks them at once if none
            that it requires is missing.
        featuresCol: The column of features; ``"features"`` by default.
        labelCol: The column to predict; ``"label"`` by default.
        predictionCol: The column to add; ``"prediction"`` by default.
        rawPredictionCol: For a classifier, a column to add with a vector of the classes' log-odds, which MLlib's
            ``BinaryClassificationEvaluator`` reads; ``"rawPrediction"`` by default. Empty: add none.
        probabilityCol: For a classifier, a column to add with a vector of the classes' probabilities;
            ``"probability"`` by default. Empty: add none.
        weightCol: The column of weights; none by default.

    Raises:
        InvalidArgumentError: ``estimator`` is not an estimator class, ``arguments`` has a column, or the estimator
            refuses a value.
        UnknownArgumentError: The estimator, or this class, has no argument of a name.
    """

    @suggests_arguments()
    def __init__(
        self,
        estimator: type[Any],
        arguments: dict[str, Any] | None = None,
        *,
        featuresCol: str = "features",  # noqa: N803  (as MLlib names them)
        labelCol: str = "label",  # noqa: N803
        predictionCol: str = "prediction",  # noqa: N803
        rawPredictionCol: str = "rawPrediction",  # noqa: N803
        probabilityCol: str = "probability",  # noqa: N803
        weightCol: str = "",  # noqa: N803
    ) -> None:
        super().__init__()
        if not (inspect.isclass(estimator) and issubclass(estimator, _estimator.Estimator)):
            raise InvalidArgumentError(
                f"estimator must be one of raydp's estimator classes, such as XGBoostEstimator; got: {estimator!r}"
            )
        self.arguments: Param[dict[str, Any]] = Param(
            self,
            "arguments",
            "arguments of the estimator, which override those of the constructor",
            TypeConverters.identity,
        )
        self._estimator_class: Any = estimator
        self._arguments = _check_arguments(arguments or {})
        self._set_defaults()
        columns = {
            "featuresCol": featuresCol,
            "labelCol": labelCol,
            "predictionCol": predictionCol,
            "rawPredictionCol": rawPredictionCol,
            "probabilityCol": probabilityCol,
            "weightCol": weightCol,
        }
        self._set(**{name: value for name, value in columns.items() if value != self._default(name)})
        self._check_estimator(self._arguments)

    def setArguments(self, value: dict[str, Any]) -> Self:  # noqa: N802  (as MLlib names setters)
        """Set the Param ``arguments``."""
        checked = _check_arguments(value)
        self._check_estimator({**self._arguments, **checked})
        self._set(arguments=checked)
        return self

    def _default(self, name: str) -> Any:
        return self.getOrDefault(self.getParam(name))

    def _check_estimator(self, arguments: dict[str, Any]) -> None:
        """Check the names of arguments, and if none is missing, have the estimator check their values."""
        parameters = inspect.signature(self._estimator_class).parameters
        check_argument_names(self._estimator_class.__name__, arguments, parameters)
        required = [name for name, one in parameters.items() if one.default is one.empty]
        if all(name in arguments or name in _BY_COLUMNS for name in required):
            self._make_estimator(arguments)

    def _make_estimator(self, arguments: dict[str, Any]) -> Any:
        return self._estimator_class(
            **arguments,
            label_column=self.getLabelCol(),
            feature_columns=[self.getFeaturesCol()],
            **({"weight_column": weight} if (weight := self._get_optional(self.weightCol)) else {}),
        )

    def _merge_arguments(self) -> dict[str, Any]:
        given = self.getOrDefault(self.arguments) if self.isSet(self.arguments) else {}
        return {**self._arguments, **_check_arguments(given)}

    def _fit(self, dataset: DataFrame) -> RayModel:
        estimator = self._make_estimator(self._merge_arguments())
        result = estimator.fit(dataset)
        return self._copyValues(RayModel(estimator, result))

    def write(self) -> MLWriter:
        """Return a writer for the stage."""
        return _Writer(self, (self._estimator_class, self._merge_arguments()))

    @classmethod
    def read(cls) -> MLReader[RayEstimator]:
        """Return a reader of stages. It unpickles, which can run any code: load only stages that you trust."""
        return _Reader(lambda content: cls(*content))


class RayModel(Model, _Columns, MLReadable["RayModel"], MLWritable):
    """A model that a :class:`RayEstimator` trained.

    ``transform`` is not lazy: it predicts on Ray and returns a DataFrame over the result. Numeric predictions are
    doubles, and a classifier adds the vectors ``rawPrediction`` and ``probability``, as MLlib's evaluators require.

    Attributes:
        estimator: The fitted estimator.
        result: Metrics of the fit; ``None`` if the model was loaded.
    """

    def __init__(self, estimator: Any, result: FitResult | None = None) -> None:
        super().__init__()
        self._set_defaults()
        self.estimator = estimator
        self.result = result

    def _transform(self, dataset: DataFrame) -> DataFrame:
        prediction, raw = self.getPredictionCol(), self._get_optional(self.rawPredictionCol)
        probability = self._get_optional(self.probabilityCol)
        if self.estimator.classes is None:
            raw, probability = None, probability if self.isSet(self.probabilityCol) else None
        added = probability or raw
        if raw is not None and raw in dataset.columns:
            raise InvalidArgumentError(f"The frame already has this column; set rawPredictionCol. Column: {raw}")
        predicted: DataFrame = self.estimator.predict(dataset, prediction_column=prediction, probability_column=added)
        if isinstance(predicted.schema[prediction].dataType, NumericType):
            predicted = predicted.withColumn(prediction, functions.col(f"`{prediction}`").cast("double"))
        if added is None:
            return predicted
        probabilities = functions.col(f"`{added}`")
        columns = {} if raw is None else {raw: functions.transform(probabilities, _log_odds)}
        columns |= {} if probability is None else {probability: probabilities}
        return predicted.withColumns({name: array_to_vector(column) for name, column in columns.items()})

    def write(self) -> MLWriter:
        """Return a writer for the model."""
        return _Writer(self, self.estimator)

    @classmethod
    def read(cls) -> MLReader[RayModel]:
        """Return a reader of models. It unpickles, which can run any code: load only models that you trust."""
        return _Reader(lambda content: cls(content))


def _log_odds(probability: Column) -> Column:
    """Return how much more probable a class is than all others: for two classes, XGBoost's margin and its negative."""
    smallest = functions.lit(_SMALLEST_PROBABILITY)
    others = functions.greatest(1 - probability, smallest)
    return functions.log(functions.greatest(probability, smallest)) - functions.log(others)


class _Writer(MLWriter):
    """Writes Params as other Python stages do, and pickles the rest into the metadata."""

    def __init__(self, stage: Any, content: Any) -> None:
        super().__init__()
        self._stage, self._content = stage, content

    def saveImpl(self, path: str) -> None:  # noqa: N802  (MLWriter's)
        stage = self._stage.copy()
        if stage.hasParam("arguments"):
            stage.clear(stage.getParam("arguments"))  # the pickled content has them, and they need not be JSON
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


def _check_arguments(arguments: Any) -> dict[str, Any]:
    if not isinstance(arguments, Mapping):
        raise InvalidArgumentError(f"arguments must be a mapping of names to values; got: {arguments!r}")
    columns = [name for name in _BY_COLUMNS if name in arguments]
    if columns:
        raise InvalidArgumentError(
            "Columns are Params of the stage: set labelCol, featuresCol and weightCol instead. "
            f"Remove from the arguments: {', '.join(columns)}"
        )
    return dict(arguments)
