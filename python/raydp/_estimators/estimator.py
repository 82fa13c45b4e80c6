"""The base of all estimators: fit, evaluate, predict, save and load."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from ray import cloudpickle

from raydp._estimators import inference
from raydp._estimators.configuration import whole_number
from raydp._estimators.data.inputs import input_of
from raydp._estimators.data.layout import check_columns, columns_of
from raydp._estimators.data.shards import Shard, shards_of
from raydp._estimators.inference import Model
from raydp._estimators.training.preparation import prepare, prepare_evaluation
from raydp._estimators.training.result import FitResult
from raydp._estimators.training.run import Job, run
from raydp._legacy.interfaces import EstimatorInterface, SparkEstimatorInterface
from raydp._ray.capacity import await_room
from raydp._session.init_spark import stop_spark as stop_session
from raydp.errors import InvalidArgumentError, NotFittedError

if TYPE_CHECKING:
    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.inputs import Blocks
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.frameworks.learner import Learner

__all__ = ["Estimator", "deprecated_argument"]

_DESCRIPTION, _PICKLE = "estimator.json", "estimator.pickle"
_FORMAT = 1


class Estimator(EstimatorInterface, SparkEstimatorInterface):
    """Trains a model on a frame, distributed over Ray workers.

    A frame is a Spark DataFrame, a ``ray.data.Dataset`` or a ``pandas.DataFrame``. Its rows go to the workers
    through Ray's object store; nothing is written to files but checkpoints.

    Attributes:
        configuration: How data and workers are treated.
    """

    def __init__(self, learner: Learner, configuration: Configuration, model: Model | None = None) -> None:
        self.configuration = configuration
        self._learner = learner
        self._model = model

    def fit(self, train_ds: Any, evaluate_ds: Any = None, max_retries: int = 3) -> FitResult:
        """Train the model.

        Args:
            train_ds: Rows to learn from.
            evaluate_ds: Rows to measure with after each round or epoch; needed for early stopping.
            max_retries: How often training goes on from its last checkpoint after a worker failed.

        Returns:
            Metrics and their course. The model is in the estimator then.

        Raises:
            NotADataFrameError: Something else than a frame was given.
            InvalidDataError: Columns, nulls, classes or shapes are not what is needed; no worker was started.
            InvalidArgumentError: ``max_retries`` is not a number of 0 or more.
            ClusterError: The workers do not fit the cluster.
            TrainingError: The workers failed more often than ``max_retries``, or once by a mistake of the program.
        """
        return self._fit(train_ds, evaluate_ds, max_retries, stop_spark=False)

    def fit_on_spark(
        self,
        train_df: Any,
        evaluate_df: Any = None,
        max_retries: int = 3,
        fs_directory: str | None = None,
        compression: str | None = None,
        stop_spark_after_conversion: bool = False,  # noqa: FBT001, FBT002  (position and name as in RayDP 1.6)
    ) -> FitResult:
        """Train the model on Spark DataFrames, under RayDP 1.6's name.

        Args:
            train_df: As ``train_ds`` of :meth:`fit`.
            evaluate_df: As ``evaluate_ds`` there.
            max_retries: As there.
            fs_directory: Has no effect any more; gives a deprecation warning.
            compression: Has no effect any more; gives a deprecation warning.
            stop_spark_after_conversion: Call :func:`raydp.stop_spark` once the rows are in Ray's store, so that the
                workers can have the executors' cores.

        Returns:
            As :meth:`fit`, which raises the same errors.
        """
        return self._fit_on_spark(
            train_df, evaluate_df, max_retries, fs_directory, compression, stop_spark=stop_spark_after_conversion
        )

    def evaluate(self, df: Any) -> dict[str, float]:
        """Measure the model on a frame that has the label.

        Returns:
            ``rmse``, ``mae`` and ``r2`` (of the first output); or ``accuracy``, ``logloss`` (natural logarithm) and,
            for two classes, ``auc``; weighted where the estimator has a weight column.

        Raises:
            NotFittedError: The model was not trained yet.
            InvalidDataError: Columns are missing, there are no rows, or labels are null or unknown.
        """
        return inference.evaluate(input_of(df), self._fitted())

    def predict(self, df: Any, *, prediction_column: str = "prediction", probability_column: str | None = None) -> Any:
        """Predict for each row of a frame.

        Spark DataFrames and Datasets are predicted for in Ray tasks, on a GPU where ``resources_per_worker`` has
        one; pandas frames in this process.

        Args:
            df: Has the feature columns; all of its columns and rows are kept.
            prediction_column: Name of the column to add: the value as a double (an array of several outputs), or a
                classifier's label. It is null in rows that ``nulls="drop"`` does not predict for.
            probability_column: For a classifier, name of a column to add with the probabilities of all classes, in
                the order of the sorted labels.

        Returns:
            A frame of the kind that was given.

        Raises:
            NotFittedError: The model was not trained yet.
            InvalidArgumentError: A column of such a name is there already.
            InvalidDataError: Feature columns are missing, or hold what the model cannot take.
        """
        return inference.predict(
            input_of(df),
            self._fitted(),
            prediction_column=prediction_column,
            probability_column=probability_column,
        )

    def get_model(self) -> Any:
        """Return the trained model as the framework's own object.

        Raises:
            NotFittedError: It was not trained yet.
        """
        model = self._fitted()
        return model.learner.load(model.content)

    @property
    def classes(self) -> list[Any] | None:
        """The labels that a fitted classifier knows, sorted; ``None`` for a regression."""
        classes = self._fitted().classes
        return None if classes is None else list(classes.values.to_pylist())

    def save(self, path: str | Path) -> None:
        """Write the fitted estimator into a folder, made if needed; a saved one there is replaced.

        The folder has the model in the framework's own format beside what raydp needs.

        Args:
            path: A folder of this machine.

        Raises:
            NotFittedError: It was not trained yet.
        """
        model = self._fitted()
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
        """Read an estimator that :meth:`save` wrote.

        It is unpickled, which runs code from the file: load only what you trust.

        Args:
            path: The folder.

        Raises:
            InvalidArgumentError: There is none in the folder, or one of another kind or of a newer raydp.
        """
        folder = Path(path)
        try:
            description = json.loads((folder / _DESCRIPTION).read_text())
        except FileNotFoundError as error:
            raise InvalidArgumentError(f"There is no saved estimator in this folder: {folder}") from error
        if description["estimator"] != cls.__name__ or description["format"] != _FORMAT:
            raise InvalidArgumentError(
                f"This folder holds an estimator of another kind, or one that another version of raydp saved; load it "
                f"with the class and version that saved it: {description['estimator']} of raydp "
                f"{description['raydp']}, format {description['format']}; this is {cls.__name__}, format {_FORMAT}"
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
                instead = "rows reach the workers through shared memory, no files are written"
                deprecated_argument(name, instead, stacklevel=4)
        result = self._fit(train, evaluate, max_retries, stop_spark=stop_spark)
        if fs_directory is not None and (url := urlsplit(str(fs_directory))).scheme in ("", "file"):
            # Programs remove the folder after the fit, and would fail then where there is none. If it cannot be made,
            # that is theirs to find out: the fit is done.
            with contextlib.suppress(OSError):
                Path(url.path).mkdir(parents=True, exist_ok=True)
        return result

    def _fitted(self) -> Model:
        if self._model is None:
            raise NotFittedError(f"This {type(self).__name__} has no model yet; call fit first")
        return self._model

    def _fit(self, train: Any, evaluate: Any, max_retries: int, *, stop_spark: bool) -> FitResult:
        max_retries = whole_number("max_retries", max_retries, least=0)
        configuration = self.configuration
        self._learner.check_evaluation(given=evaluate is not None)
        frame, other = input_of(train), None if evaluate is None else input_of(evaluate)
        features, others = columns_of(frame, configuration)
        if other is not None:
            check_columns(other, features, others, weight=configuration.weight_column)
        if not stop_spark:
            self._await_room()
        start = time.perf_counter()
        blocks = frame.blocks([*features, *others])
        other_blocks = None if other is None else other.blocks([*features, *others])
        if stop_spark:
            stop_session()
            self._await_room()
        converted = time.perf_counter()
        prepared = prepare(blocks, features, configuration, self._learner)
        other_rows = (
            [] if other_blocks is None else prepare_evaluation(other_blocks, prepared, configuration, self._learner)
        )
        checked = time.perf_counter()
        learner = self._learner.bound(prepared.layout)
        job = Job(
            learner=learner,
            layout=prepared.layout,
            classes=prepared.classes,
            configuration=configuration,
            train=self._dealt(blocks, prepared.rows, prepared.layout),
            evaluate=(
                None
                if other_blocks is None
                else self._dealt(other_blocks, other_rows, prepared.layout, whole=self._learner.evaluates_everywhere)
            ),
        )
        trained = run(job, max_retries=max_retries)
        self._model = Model(learner, trained.model, prepared.layout, prepared.classes, configuration)
        seconds = {
            "convert": converted - start,
            "check": checked - converted,
            "train": time.perf_counter() - checked,
        }
        return FitResult(trained.history, prepared.complete, seconds)

    def _dealt(self, blocks: Blocks, rows: list[int], layout: Layout, *, whole: bool = False) -> tuple[Shard, ...]:
        workers = self._learner.workers(self.configuration)
        shards = shards_of(blocks.refs, rows, layout.columns, 1 if whole else workers)
        return tuple(shards * workers if whole else shards)

    def _await_room(self) -> None:
        c = self.configuration
        await_room(c.resources, self._learner.processes(c), c.placement_strategy, c.start_timeout)


def deprecated_argument(name: str, instead: str, *, stacklevel: int = 3) -> None:
    """Warn of an argument of RayDP 1.6 that has no effect any more, and say what takes its place."""
    warnings.warn(f"{name} has no effect any more: {instead}; remove it", DeprecationWarning, stacklevel=stacklevel)
