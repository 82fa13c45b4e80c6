"""The stage that trains, and the stage with the model."""

from __future__ import annotations

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
from pyspark.ml.util import MLReadable, MLReader, MLWritable, MLWriter
from pyspark.sql import functions
from pyspark.sql.types import NumericType

from raydp._configuration.arguments import check_argument_names
from raydp._configuration.public_names import public_in
from raydp._estimators import estimator as _estimator
from raydp._estimators.hyperparameters import ParameterOf
from raydp._estimators.training.mlflow_run import find_surroundings, nest_runs
from raydp.errors import InvalidArgumentError, UnknownArgumentError
from raydp.ml.params import HasHyperparameters
from raydp.ml.persistence import StageReader, StageWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql import Column, DataFrame

    from raydp._estimators.hyperparameters import Hyperparameter
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


@public_in("raydp.ml")
class RayEstimator(HasHyperparameters, Estimator["RayModel"], _Columns, MLReadable["RayEstimator"], MLWritable):
    """A stage that trains one of raydp's estimators.

    The columns are Params of the stage, as in MLlib's estimators: ``labelCol``, ``featuresCol`` (a vector, an array or
    a number) and ``weightCol``. So are the hyperparameters that the estimator's framework has, by their names in camel
    case: ``maxDepth`` for XGBoost's ``max_depth``. ``explainParams()`` lists them::

        stage = RayEstimator(XGBoostEstimator, labelCol="late", objective="binary:logistic", numBoostRound=50)
        grid = ParamGridBuilder().addGrid(stage.maxDepth, [3, 5]).addGrid(stage.learningRate, [0.1, 0.3]).build()

    Each Param has a getter and a setter (``getMaxDepth()``, ``setMaxDepth(5)``). Setters have the estimator check the
    value at once. A Param that is set overrides the argument of the same meaning, and ``None`` stands for the
    framework's default.

    The Param ``arguments`` overrides whole arguments of the estimator, for what has no Param of its own::

        grid = ParamGridBuilder().addGrid(stage.arguments, [{"callbacks": [one]}, {"callbacks": [another]}]).build()

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
        params: Values of other Params, such as ``maxDepth=5``.

    Raises:
        InvalidArgumentError: ``estimator`` is not an estimator class, ``arguments`` has a column, or the estimator
            refuses a value.
        UnknownArgumentError: The estimator, or this class, has no argument of a name.
    """

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
        **params: Any,
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
        self._add_hyperparameters(estimator.hyperparameters(self._arguments), self._arguments)
        columns = {
            "featuresCol": featuresCol,
            "labelCol": labelCol,
            "predictionCol": predictionCol,
            "rawPredictionCol": rawPredictionCol,
            "probabilityCol": probabilityCol,
            "weightCol": weightCol,
        }
        self._set(**{name: value for name, value in columns.items() if value != self._default(name)})
        self.setParams(**params)

    def setParams(self, **params: Any) -> Self:  # noqa: N802  (as MLlib names setters)
        """Set Params by name, and have the estimator check them at once.

        Raises:
            InvalidArgumentError: A value has the wrong type, or the estimator refuses it. No Param has changed.
            UnknownArgumentError: The stage has no Param of a name.
        """
        self._check_names(params)
        before = dict(self._paramMap)
        try:
            self._set(**params)
            self._check_estimator(self._merge_arguments())
        except BaseException:
            self._paramMap = before
            raise
        return self

    def _check_names(self, params: Mapping[str, Any]) -> None:
        """Refuse names that no Param has. Arguments of the estimator that have no Param go elsewhere."""
        known, others = self._names(), self._other_names()
        owner = self._estimator_class.__name__
        theirs = set(inspect.signature(self._estimator_class).parameters).difference(known, others, _BY_COLUMNS)
        misplaced = [name for name in params if name in theirs]
        if misplaced:
            entries = ", ".join(f'"{name}": …' for name in misplaced)
            raise UnknownArgumentError(
                f"These are arguments of {owner}, and no Params of the stage. Pass them as arguments={{{entries}}} of "
                f"{type(self).__name__}; some models have Params of their own then. Got: {', '.join(misplaced)}"
            )
        check_argument_names(type(self).__name__, params, known, elsewhere=others)

    def setArguments(self, value: dict[str, Any]) -> Self:  # noqa: N802
        """Set the Param ``arguments``."""
        return self.setParams(arguments=value)

    def fitMultiple(  # noqa: N802
        self,
        dataset: DataFrame,
        paramMaps: Sequence[dict[Param[Any], Any]],  # noqa: N803
    ) -> Iterator[tuple[int, RayModel]]:
        """Fit a model for each map of Params, after the estimator has checked all of them."""
        for values in paramMaps:
            stage = self.copy(values)
            stage._check_estimator(stage._merge_arguments())  # noqa: SLF001  (of this class)
        return _NestedFits(super().fitMultiple(dataset, paramMaps))

    def _default(self, name: str) -> Any:
        return self.getOrDefault(self.getParam(name))

    def _settable(self) -> list[str]:
        return self._names()

    def _set_param(self, name: str, value: Any) -> Self:
        return self.setParams(**{name: value})

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

    def _given_arguments(self) -> dict[str, Any]:
        """Return the arguments of the constructor and of the Param ``arguments``."""
        given = self.getOrDefault(self.arguments) if self.isSet(self.arguments) else {}
        return {**self._arguments, **_check_arguments(given)}

    def _merge_arguments(self) -> dict[str, Any]:
        """Return the arguments with the hyperparameters that are set.

        Raises:
            InvalidArgumentError: The Param ``arguments`` has one of them too.
        """
        arguments = self._given_arguments()
        overrides = self.getOrDefault(self.arguments) if self.isSet(self.arguments) else {}
        for one in self._hyperparameters.values():
            if isinstance(one, ParameterOf):
                arguments.setdefault(one.mapping, {})
            if not self.isSet(one.param):
                continue
            if one.is_in(overrides):
                raise InvalidArgumentError(
                    f"The Param {one.param} and the Param arguments both have {one.name}; set one of them. "
                    f"{one.param}: {self.getOrDefault(one.param)!r}; arguments: {overrides!r}"
                )
            arguments = one.write(arguments, self.getOrDefault(one.param))
        return arguments

    def _fit(self, dataset: DataFrame) -> RayModel:
        arguments = self._merge_arguments()
        estimator = self._make_estimator(arguments)
        model = RayModel(estimator, estimator.fit(dataset))
        model._add_hyperparameters(tuple(self._hyperparameters.values()), {})  # noqa: SLF001  (its own model)
        self._copyValues(model)
        model._read_defaults(arguments)  # noqa: SLF001
        return model

    def write(self) -> MLWriter:
        """Return a writer for the stage."""
        return StageWriter(self, (self._estimator_class, self._given_arguments()), but=("arguments",))

    @classmethod
    def read(cls) -> MLReader[RayEstimator]:
        """Return a reader of stages. It unpickles, which can run any code: load only stages that you trust."""
        return StageReader(lambda content: cls(*content))


class _NestedFits:
    """Fits of several models, with a run of MLflow for each: below the one that is active where this is made.

    Spark's ``CrossValidator`` asks for the models in other threads, in which MLflow knows of no active run.
    """

    def __init__(self, models: Iterator[tuple[int, RayModel]]) -> None:
        self._models = models
        self._surroundings = find_surroundings()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[int, RayModel]:
        with nest_runs(self._surroundings):
            return next(self._models)


@public_in("raydp.ml")
class RayModel(HasHyperparameters, Model, _Columns, MLReadable["RayModel"], MLWritable):
    """A model that a :class:`RayEstimator` trained.

    ``transform`` is not lazy: it predicts on Ray and returns a DataFrame over the result. Numeric predictions are
    doubles, and a classifier adds the vectors ``rawPrediction`` and ``probability``, as MLlib's evaluators require.

    The model has the Params of the stage, with the values that it was trained with: ``model.getMaxDepth()``.

    Attributes:
        estimator: The fitted estimator.
        result: Metrics of the fit; ``None`` if the model was loaded.
    """

    def __init__(self, estimator: Any, result: FitResult | None = None) -> None:
        super().__init__()
        self._set_defaults()
        self.estimator = estimator
        self.result = result

    def _settable(self) -> list[str]:
        return [name for name in self._names() if name not in self._hyperparameters]

    def _set_param(self, name: str, value: Any) -> Self:
        return self._set(**{name: value})

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
        return StageWriter(self, (self.estimator, tuple(self._hyperparameters.values())))

    @classmethod
    def read(cls) -> MLReader[RayModel]:
        """Return a reader of models. It unpickles, which can run any code: load only models that you trust."""
        return StageReader(cls._restore)

    @classmethod
    def _restore(cls, content: tuple[Any, tuple[Hyperparameter, ...]]) -> RayModel:
        estimator, hyperparameters = content
        model = cls(estimator)
        model._add_hyperparameters(hyperparameters, {})
        return model


def _log_odds(probability: Column) -> Column:
    """Return how much more probable a class is than all others: for two classes, XGBoost's margin and its negative."""
    smallest = functions.lit(_SMALLEST_PROBABILITY)
    others = functions.greatest(1 - probability, smallest)
    return functions.log(functions.greatest(probability, smallest)) - functions.log(others)


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
