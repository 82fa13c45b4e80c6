"""The base class of all estimators: fit, evaluate, predict, save and load."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from ray import cloudpickle

from raydp._configuration.arguments import check_whole_number, suggests_arguments
from raydp._configuration.program_warnings import warn_program
from raydp._configuration.public_names import public_in
from raydp._estimators import inference
from raydp._estimators.data.frames import wrap_frame
from raydp._estimators.data.layout import check_columns, select_columns
from raydp._estimators.data.shards import Shard, split_rows
from raydp._estimators.inference import FittedModel
from raydp._estimators.search_turns import TrialDemand
from raydp._estimators.training.mlflow_run import open_run
from raydp._estimators.training.preparation import check_evaluation_rows, prepare_training_rows
from raydp._estimators.training.result import FitResult
from raydp._estimators.training.run import TrainingJob, run
from raydp._legacy.interfaces import EstimatorInterface, SparkEstimatorInterface
from raydp._machine.descriptions import describe_html
from raydp._ray.capacity import await_capacity
from raydp._ray.dataset_logs import quiet_datasets
from raydp._session.init_spark import stop_spark as stop_session
from raydp.errors import InvalidArgumentError, NotFittedError

if TYPE_CHECKING:
    import pandas as pd

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.frames import StoredBlocks
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.data.statistics import Statistics
    from raydp._estimators.evaluation import Evaluation
    from raydp._estimators.frameworks import Learner
    from raydp._estimators.hyperparameters import Hyperparameter
    from raydp._estimators.scorers import Metrics
    from raydp._estimators.training.mlflow_run import FitRun

__all__ = ["Estimator", "find_demand", "warn_deprecated"]

_DESCRIPTION, _PICKLE = "estimator.json", "estimator.pickle"
_FORMAT = 1
_LONGEST_VALUE = 120  # characters, in a description


@public_in("raydp.estimator")
class Estimator(EstimatorInterface, SparkEstimatorInterface):
    """Trains a model on a frame, distributed over Ray workers.

    A frame is a Spark DataFrame, a ``ray.data.Dataset`` or a ``pandas.DataFrame``. The workers read its rows from
    Ray's object store. No files are written, except checkpoints.

    Attributes:
        configuration: How the estimator treats its data and workers.
    """

    def __init__(self, learner: Learner, configuration: Configuration, model: FittedModel | None = None) -> None:
        if configuration.null_fill is not None:
            learner.check_fill(configuration.null_fill)
        self.configuration = configuration
        self._learner = learner
        self._model = model

    def __repr__(self) -> str:
        described = ", ".join(f"{name}={_shorten(value)}" for name, value in self._describe().items())
        return f"{type(self).__name__}({described})"

    def _repr_html_(self) -> str:
        shown = {name: _shorten(value) for name, value in self._describe().items()}
        return describe_html(type(self).__name__, shown)

    def _describe(self) -> dict[str, Any]:
        """Return what the user chose, and whether there is a model."""
        state: dict[str, Any] = {"fitted": self._model is not None}
        if self._model is not None:
            state["features"] = list(self._model.layout.features)
            if self._model.classes is not None:
                state["classes"] = self.classes
        return {**self._learner.describe(), **self._list_chosen(), **state}

    def _list_chosen(self) -> dict[str, Any]:
        """Return the options that differ from their defaults."""
        return {
            one.name: getattr(self.configuration, one.name)
            for one in dataclasses.fields(self.configuration)
            if getattr(self.configuration, one.name) != one.default
        }

    def _list_parameters(self) -> dict[str, Any]:
        """Return what MLflow shows as parameters, each under the framework's own name."""
        parameters: dict[str, Any] = {"num_workers": self.configuration.num_workers}
        for name, value in self._learner.describe().items():
            if isinstance(value, Mapping):
                parameters |= value
            else:
                parameters[name] = value
                if hasattr(value, "get_params") and not isinstance(value, type):  # a model of scikit-learn
                    parameters |= value.get_params()
        return parameters | {name: one for name, one in self._list_chosen().items() if name != "mlflow"}

    @suggests_arguments()
    def fit(self, train_ds: Any, evaluate_ds: Any = None, max_retries: int = 3) -> FitResult:
        """Train the model.

        Args:
            train_ds: The frame to learn from.
            evaluate_ds: The frame to evaluate with after each round or epoch. Early stopping needs one.
            max_retries: How many times training may resume from its latest checkpoint after a worker failed, 0 or
                more.

        Returns:
            The metrics of each round or epoch. The estimator keeps the model.

        Raises:
            NotADataFrameError: An argument is not a frame.
            InvalidDataError: Columns, nulls, classes or shapes do not fit; no worker was started.
            InvalidArgumentError: ``max_retries`` is wrong, early stopping has no ``evaluate_ds``, or MLflow does not
                accept the run.
            ClusterError: The cluster has no capacity for the workers.
            TrainingError: Workers failed more than ``max_retries`` times, or your own code raised an error.
        """
        return self._fit(train_ds, evaluate_ds, max_retries, stop_spark=False)

    @suggests_arguments()
    def fit_on_spark(
        self,
        train_df: Any,
        evaluate_df: Any = None,
        max_retries: int = 3,
        fs_directory: str | None = None,
        compression: str | None = None,
        stop_spark_after_conversion: bool = False,  # noqa: FBT001, FBT002  (position and name as in RayDP 1.6)
    ) -> FitResult:
        """Train the model on Spark DataFrames. This is :meth:`fit` with the name and arguments of RayDP 1.6.

        Args:
            train_df: The frame to learn from.
            evaluate_df: The frame to evaluate with; see :meth:`fit`.
            max_retries: See :meth:`fit`.
            fs_directory: Deprecated; has no effect.
            compression: Deprecated; has no effect.
            stop_spark_after_conversion: Call :func:`raydp.stop_spark` as soon as the rows are in Ray's object store.
                The workers can then use the executors' cores.

        Returns:
            The metrics of each round or epoch; see :meth:`fit`, which raises the same errors.
        """
        return self._fit_on_spark(
            train_df, evaluate_df, max_retries, fs_directory, compression, stop_spark=stop_spark_after_conversion
        )

    @suggests_arguments()
    def evaluate(self, df: Any, metrics: Metrics | None = None) -> Evaluation:
        """Evaluate the model on a frame that has the label.

        Args:
            df: The frame.
            metrics: Further metrics: names of scikit-learn's scorers (``"f1"``, ``"average_precision"`` or
                ``"pr_auc"``), scorers (``make_scorer(mean_pinball_loss, alpha=0.9)``), or functions of (labels,
                predictions). A mapping gives them other names. They are computed on the driver, from the labels and
                the predictions of all rows.

        Returns:
            For a regression, ``rmse``, ``mae`` and ``r2`` of the first output. For a classifier, ``accuracy``,
            ``logloss`` (natural logarithm) and, with two classes, ``auc``. All are weighted if the estimator has a
            weight column. The result of a classifier also has a ``confusion_matrix``, a ``calibration`` and a
            ``plot()``.

        Raises:
            NotFittedError: The estimator was not fitted.
            NotADataFrameError: ``df`` is not a frame.
            InvalidArgumentError: The estimator was trained without a label, or a metric is unknown or does not suit it.
            MissingRequirementError: A metric is scikit-learn's, which is not installed.
            InvalidDataError: Columns are missing, there are no rows, or labels are null or unknown.
        """
        with quiet_datasets():
            return inference.evaluate(wrap_frame(df), self._get_fitted_model(), metrics)

    @suggests_arguments()
    def predict(
        self,
        df: Any,
        *,
        prediction_column: str = "prediction",
        probability_column: str | None = None,
        probability_of: Any = None,
    ) -> Any:
        """Predict for each row of a frame.

        For Spark DataFrames and Datasets, Ray tasks predict, on a GPU if ``resources_per_worker`` has one. For a
        pandas frame, this process predicts.

        Args:
            df: A frame with the feature columns. The result keeps all of its columns and rows.
            prediction_column: Name of the column to add. For a regression it has doubles, or arrays of doubles if
                the model has several outputs; for a classifier it has labels. It is null in rows that
                ``nulls="drop"`` leaves out.
            probability_column: For a classifier, name of another column to add, with an array of the probabilities
                of all classes in the order of :attr:`classes`; ``None``: add none.
            probability_of: A class. ``probability_column`` then has numbers: the probability of this class.

        Returns:
            A frame of the same kind.

        Raises:
            NotFittedError: The estimator was not fitted.
            NotADataFrameError: ``df`` is not a frame.
            InvalidArgumentError: The frame already has a column of such a name.
            InvalidDataError: Feature columns are missing, or have values that the model does not accept.
            ClusterError: The cluster has no capacity for a prediction task.
        """
        with quiet_datasets():
            return inference.predict(
                wrap_frame(df),
                self._get_fitted_model(),
                prediction_column=prediction_column,
                probability_column=probability_column,
                probability_of=probability_of,
            )

    @classmethod
    def hyperparameters(cls, arguments: Mapping[str, Any]) -> tuple[Hyperparameter, ...]:  # noqa: ARG003
        """Return what :class:`raydp.ml.RayEstimator` has as Params for this estimator.

        Args:
            arguments: The arguments of the estimator, by name.
        """
        return ()

    def get_model(self) -> Any:
        """Return the trained model as the framework's own object.

        Raises:
            NotFittedError: The estimator was not fitted.
        """
        model = self._get_fitted_model()
        return model.learner.load(model.content)

    @property
    def classes(self) -> list[Any] | None:
        """The sorted labels of a fitted classifier; ``None`` for a regression."""
        classes = self._get_fitted_model().classes
        return None if classes is None else list(classes.values.to_pylist())

    @property
    def categories(self) -> dict[str, list[Any]]:
        """The sorted categories of each feature column that has some, as in training.

        Raises:
            NotFittedError: The estimator was not fitted.
        """
        vocabularies = self._get_fitted_model().layout.vocabularies
        return {name: list(vocabulary.values.to_pylist()) for name, vocabulary in vocabularies.items()}

    @property
    def feature_importances_(self) -> pd.Series[float]:
        """The importance of each feature, by name, as the framework's own ``feature_importances_`` has it.

        What it measures differs: gain, number of splits, or what the model itself calls importance. A column of arrays
        has an entry for each position (``features_0``, ``features_1``, …).

        Raises:
            NotFittedError: The estimator was not fitted.
            AttributeError: The model has no importances.
        """
        import pandas as pd

        model = self._get_fitted_model()
        found = model.learner.compute_importances(model.load())
        if found is None:
            raise AttributeError(f"This model has no feature_importances_: {type(self).__name__} of {model.learner!r}")
        return pd.Series(found, index=model.layout.names, name="importance")

    @property
    def best_iteration(self) -> int:
        """The last round of the model, from 0: with early stopping the best one, as the frameworks count.

        Raises:
            NotFittedError: The estimator was not fitted.
            AttributeError: The model is not made of rounds.
        """
        model = self._get_fitted_model()
        found = model.learner.find_best_step(model.load())
        if found is None:
            raise AttributeError(f"Only boosted trees have a best_iteration. Estimator: {type(self).__name__}")
        return found

    def save(self, path: str | Path) -> None:
        """Save the fitted estimator into a folder.

        The folder then contains the model in the framework's own format and the files that :meth:`load` needs.

        Args:
            path: A folder on this machine. It is created if needed. An estimator that was saved there is replaced.

        Raises:
            NotFittedError: The estimator was not fitted.
        """
        model = self._get_fitted_model()
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        description = {
            "format": _FORMAT,
            "estimator": type(self).__name__,
            "raydp": importlib.metadata.version("raydp"),
            "features": list(model.layout.features),
            "label": model.layout.label,
        }
        (folder / model.learner.file_name).write_bytes(model.content)
        (folder / _PICKLE).write_bytes(cloudpickle.dumps((model.learner, self.configuration, model)))
        (folder / _DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Load an estimator that :meth:`save` saved.

        This unpickles a file, which can run any code. Load only files that you trust.

        Args:
            path: The folder.

        Raises:
            InvalidArgumentError: The folder contains no estimator, one of another class, or one of another version
                of raydp.
        """
        folder = Path(path)
        try:
            description = json.loads((folder / _DESCRIPTION).read_text())
        except FileNotFoundError as error:
            raise InvalidArgumentError(f"This folder contains no saved estimator: {folder}") from error
        if description["estimator"] != cls.__name__ or description["format"] != _FORMAT:
            raise InvalidArgumentError(
                f"Another class or another version of raydp saved this estimator; load it with the same. Saved by: "
                f"{description['estimator']} of raydp {description['raydp']}, format {description['format']}; "
                f"this is {cls.__name__}, format {_FORMAT}"
            )
        estimator = cls.__new__(cls)
        Estimator.__init__(estimator, *cloudpickle.loads((folder / _PICKLE).read_bytes()))
        return estimator

    def _fit_on_spark(
        self,
        train: Any,
        evaluate: Any,
        max_retries: int,
        fs_directory: str | None,
        compression: str | None,
        *,
        stop_spark: bool,
    ) -> FitResult:
        for name, value in (("fs_directory", fs_directory), ("compression", compression)):
            if value is not None:
                warn_deprecated(name, "workers read the rows from shared memory, without files")
        result = self._fit(train, evaluate, max_retries, stop_spark=stop_spark)
        if fs_directory is not None and (url := urlsplit(str(fs_directory))).scheme in ("", "file"):
            # Programs written for RayDP 1.6 remove this folder after the fit, and would fail if it did not exist. The
            # fit is done, so it must not fail because the folder cannot be created.
            with contextlib.suppress(OSError):
                Path(url.path).mkdir(parents=True, exist_ok=True)
        return result

    def _get_fitted_model(self) -> FittedModel:
        if self._model is None:
            raise NotFittedError(f"This {type(self).__name__} has no model yet; call fit first")
        return self._model

    def _fit(self, train: Any, evaluate: Any, max_retries: int, *, stop_spark: bool) -> FitResult:
        retries = check_whole_number("max_retries", max_retries, least=0)
        with quiet_datasets():
            return self._fit_quietly(train, evaluate, retries, stop_spark=stop_spark)

    def _fit_quietly(self, train: Any, evaluate: Any, max_retries: int, *, stop_spark: bool) -> FitResult:
        configuration = self.configuration
        self._learner.check_evaluation_frame(given=evaluate is not None)
        train_frame, evaluation_frame = wrap_frame(train), None if evaluate is None else wrap_frame(evaluate)
        features, others = select_columns(train_frame, configuration, self._learner.accepted)
        if evaluation_frame is not None:
            accepted = self._learner.accepted
            check_columns(evaluation_frame, features, others, weight=configuration.weight_column, accepted=accepted)
        with open_run(configuration.mlflow, type(self).__name__, self._list_parameters()) as mlflow_run:
            if not stop_spark:
                self._await_capacity()
            start = time.perf_counter()
            train_blocks = train_frame.store([*features, *others])
            evaluation_blocks = None if evaluation_frame is None else evaluation_frame.store([*features, *others])
            if stop_spark:
                stop_session()
                self._await_capacity()
            converted = time.perf_counter()
            result = self._train(train_blocks, evaluation_blocks, features, max_retries, mlflow_run)
            if mlflow_run is not None:
                mlflow_run.complete(result.history, result.rows)
        return dataclasses.replace(result, seconds={"convert": converted - start, **result.seconds})

    def _train(
        self,
        train_blocks: StoredBlocks,
        evaluation_blocks: StoredBlocks | None,
        features: list[str],
        max_retries: int,
        mlflow_run: FitRun | None,
    ) -> FitResult:
        """Check the rows, and train on them."""
        configuration = self.configuration
        start = time.perf_counter()
        prepared = prepare_training_rows(train_blocks, features, configuration, self._learner)
        evaluation_shards = None
        if evaluation_blocks is not None:
            found = check_evaluation_rows(evaluation_blocks, prepared, configuration, self._learner)
            share_all = self._learner.needs_all_evaluation_rows
            evaluation_shards = self._split(evaluation_blocks, found, prepared.layout, share_all=share_all)
        checked = time.perf_counter()
        learner = self._learner.bind(prepared.layout)
        job = TrainingJob(
            learner=learner,
            layout=prepared.layout,
            classes=prepared.classes,
            configuration=configuration,
            train_shards=self._split(train_blocks, prepared.statistics, prepared.layout),
            evaluation_shards=evaluation_shards,
            mlflow_run=None if mlflow_run is None else mlflow_run.address,
        )
        trained = run(job, max_retries=max_retries)
        self._model = FittedModel(learner, trained.content, prepared.layout, prepared.classes, configuration)
        return FitResult(
            trained.history,
            prepared.complete_rows,
            {"check": checked - start, "train": time.perf_counter() - checked},
            learner.step_name.removesuffix("s"),
            None if mlflow_run is None else mlflow_run.run_id,
            trained.retries,
            trained.resumed_from,
            trained.best_step,
        )

    def _split(
        self, blocks: StoredBlocks, found: Statistics, layout: Layout, *, share_all: bool = False
    ) -> tuple[Shard, ...]:
        """Return a shard of the rows for each worker, or all rows for each of them."""
        workers = self._learner.worker_count(self.configuration)
        shards = split_rows(blocks.refs, found.rows, layout.columns, 1 if share_all else workers, found.dropped)
        return tuple(shards * workers if share_all else shards)

    def _await_capacity(self) -> None:
        demand = find_demand(self)
        await_capacity(demand.resources, demand.count, demand.strategy, self.configuration.start_timeout)


def find_demand(estimator: Estimator) -> TrialDemand:
    """Return what a fit needs at the same time."""
    configuration = estimator.configuration
    count = estimator._learner.process_count(configuration)  # noqa: SLF001  (of the class above)
    return TrialDemand(configuration.resources, count, configuration.placement_strategy)


def _shorten(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def warn_deprecated(name: str, reason: str) -> None:
    """Warn about an argument of RayDP 1.6 that no longer has an effect, at the line of the program that passes it.

    Args:
        name: Name of the argument.
        reason: Why it has no effect, or what to use instead.
    """
    warn_program(f"{name} no longer has an effect: {reason}; remove it", DeprecationWarning)
