"""``TFEstimator``: Keras models on TensorFlow, trained data-parallel by Ray workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from raydp._configuration.public_names import public_in
from raydp._estimators.configuration import CommonOptions, Options, check_callbacks, configure
from raydp._estimators.estimator import Estimator, warn_deprecated
from raydp._estimators.frameworks import CategoryEncoding, EpochOptions, InputOptions, require
from raydp._estimators.signatures import with_options
from raydp.errors import InvalidArgumentError

require("tensorflow", extra="tf")
require("keras", extra="tf")

import keras  # noqa: E402

from raydp.tf.hyperparameters import HYPERPARAMETERS  # noqa: E402
from raydp.tf.learner import TFLearner  # noqa: E402  (imports TensorFlow)
from raydp.tf.recipe import Recipe  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from raydp._estimators.hyperparameters import Hyperparameter
    from raydp._estimators.training.result import FitResult

__all__ = ["TFEstimator"]


@public_in("raydp.tf")
@with_options(CommonOptions, checkpoint_every=1)
class TFEstimator(Estimator):
    """Trains Keras models with TensorFlow on Spark DataFrames, Ray Datasets and pandas frames.

    The features of a batch are one float32 tensor of shape (rows, columns), or a dictionary of tensors. The labels
    have the shape (rows,). With several workers, gradients are averaged: n workers with batches of b rows learn as
    one worker with batches of n * b rows. Each worker reads its rows block by block, so they need not fit into its
    memory.

    A training step is that of Keras' ``fit``. A ``train_step`` of your model's class is not called.

    If the loss is for classification (``binary_crossentropy``, ``categorical_crossentropy``,
    ``sparse_categorical_crossentropy`` and their focal variants), labels are classes. They can be strings, or numbers
    whose sorted distinct values are the classes. Predictions are the most probable labels.

    Strings and ``categorical_columns`` are categories, those of the training rows. An input of the model with the name
    of the column and the type ``"string"`` gets the strings, with ``"[UNK]"`` for one that training did not have, for a
    ``StringLookup``. An input with a type of integers gets codes. Otherwise ``category_encoding`` decides.

    Args:
        num_workers: Number of training processes; 1 by default.
        resources_per_worker: Ray resources of each process, such as ``{"CPU": 4, "GPU": 1}``; one CPU by default.
        model: The model with its weights, or a function without arguments that creates it. A model of your own class
            needs a ``get_config``.
        optimizer: An optimizer, its class, its name, or its configuration. Of an optimizer, the class and settings are
            used.
        loss: A loss, its name, its configuration, or a function of (labels, outputs).
        metrics: Metrics, their names, or functions of (labels, outputs), computed in each epoch; none by default.
        feature_columns: The columns to predict from; ``None`` (the default): all except the label and the weight.
        label_columns: The column to predict, or a list of one. You can also pass it as ``label_column``, which is its
            name in the other estimators.
        merge_feature_columns: Whether the model takes all features as one matrix. Otherwise it takes a dictionary
            with a matrix for each column, of shape (rows, 1) or (rows, length of its arrays). Inputs that are not
            named after columns get the columns in order. ``None`` (the default): one matrix, unless the model has
            several inputs.
        batch_size: Rows of a batch in each worker; 128 by default.
        drop_last: Whether to leave out the last batch if it is smaller; ``False`` by default.
        num_epochs: Number of epochs; 1 by default.
        shuffle: Whether to shuffle blocks, and rows within a block, in each epoch; ``True`` by default.
        callbacks: Keras callbacks that are called in every worker. If any sets ``model.stop_training``, training
            stops. After a worker was killed, they start without the state that they had.
        extra_config: Deprecated; has no effect.
        early_stopping_epochs: Stop if the loss on the evaluation frame has not decreased for this number of epochs,
            and keep the best model; ``None`` (the default): train all epochs.
        placement_strategy: Ray's placement strategy for the workers; ``"PACK"`` by default.
        use_gpu: Deprecated; has no effect.
        label_column: The column to predict, instead of ``label_columns``.
        category_encoding: How categories become numbers: ``"one_hot"`` (the default), a column with 0 or 1 for each
            category, where all columns of a value that training did not have are 0, or ``"codes"`` for embeddings: one
            column with 1, 2, …, and 0 for such a value. An embedding of n categories then needs n + 1 rows.
        feature_shape: Shape of the features of one row, such as ``(28, 28, 1)`` for an image in a column of arrays.
            ``None`` (the default): the shape of the model's input, or (columns,) if the model does not say.
        options: See :class:`raydp.estimator.Configuration`.

    Raises:
        InvalidArgumentError: An argument has a wrong value.
        UnknownArgumentError: An argument does not exist.
        MissingRequirementError: TensorFlow is not installed. Importing the class raises it.
    """

    def __init__(
        self,
        num_workers: int = 1,
        resources_per_worker: Mapping[str, float] | None = None,
        model: keras.Model | Callable[[], keras.Model] | None = None,
        optimizer: keras.optimizers.Optimizer | str | Mapping[str, Any] | None = None,
        loss: keras.losses.Loss | Callable[..., Any] | str | Mapping[str, Any] | None = None,
        metrics: Sequence[keras.metrics.Metric | Callable[..., Any] | str] | None = None,
        feature_columns: str | Sequence[str] | None = None,
        label_columns: str | Sequence[str] | None = None,
        merge_feature_columns: bool | None = None,  # noqa: FBT001  (positions and names as in RayDP 1.6)
        batch_size: int | None = None,
        drop_last: bool = False,  # noqa: FBT001, FBT002
        num_epochs: int | None = None,
        shuffle: bool = True,  # noqa: FBT001, FBT002
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        extra_config: Mapping[str, Any] | None = None,
        *,
        early_stopping_epochs: int | None = None,
        placement_strategy: str = "PACK",
        use_gpu: bool | None = None,
        label_column: str | None = None,
        category_encoding: CategoryEncoding = "one_hot",
        feature_shape: Sequence[int] | None = None,
        **options: Unpack[CommonOptions],
    ) -> None:
        if extra_config is not None:
            warn_deprecated("extra_config", "placement_strategy, checkpoint_dir and similar options are arguments")
        if use_gpu is not None:
            warn_deprecated("use_gpu", 'resources_per_worker={"GPU": 1} trains on GPUs')
        if metrics is not None and not isinstance(metrics, list | tuple):
            raise InvalidArgumentError(f"metrics takes a list of metrics; got: {metrics!r}")
        complete: Options = {
            "checkpoint_every": 1,
            **options,
            "feature_columns": [feature_columns] if isinstance(feature_columns, str) else feature_columns,
            "callbacks": callbacks or (),
            "placement_strategy": placement_strategy,
        }
        recipe = Recipe(
            model=model,
            optimizer=optimizer,
            loss=loss,
            metrics=tuple(metrics or ()),
            merge_features=merge_feature_columns,
            epochs=EpochOptions(
                count=1 if num_epochs is None else num_epochs,
                batch_size=128 if batch_size is None else batch_size,
                drop_last=drop_last,
                shuffle=shuffle,
                early_stopping=early_stopping_epochs,
            ),
            input_options=InputOptions.of(category_encoding, feature_shape),
        ).check()
        label = _check_label(label_columns, label_column)
        configuration = configure(label, num_workers, resources_per_worker, complete, handles_missing=False)
        check_callbacks(
            configuration,
            lambda one: isinstance(one, keras.callbacks.Callback),
            "Keras callbacks",
            instead="on_epoch_end(epoch, logs) of a Keras callback",
        )
        super().__init__(TFLearner(recipe), configuration)

    @classmethod
    def hyperparameters(cls, arguments: Mapping[str, Any]) -> tuple[Hyperparameter, ...]:
        """Return the hyperparameters that stages of Spark ML have as Params."""
        del arguments
        return HYPERPARAMETERS

    def fit_on_spark(  # type: ignore[override]
        self,
        train_df: Any,
        evaluate_df: Any = None,
        fs_directory: str | None = None,
        compression: str | None = None,
        max_retries: int = 3,
        stop_spark_after_conversion: bool = False,  # noqa: FBT001, FBT002
    ) -> FitResult:
        """Train the model, with the order of arguments of RayDP 1.6's ``TFEstimator``."""
        return self._fit_on_spark(
            train_df, evaluate_df, max_retries, fs_directory, compression, stop_spark=stop_spark_after_conversion
        )


def _check_label(several: Any, one: Any) -> str:
    """Return the label column, from either of the two arguments that can name it."""
    names = [name for given in (several, one) for name in (given if isinstance(given, list | tuple) else [given])]
    distinct = list(dict.fromkeys(name for name in names if name is not None))
    if len(distinct) != 1 or not isinstance(distinct[0], str) or not distinct[0]:
        raise InvalidArgumentError(
            "label_columns must name one column; use one estimator for each output. label_column is the same argument. "
            f"Got: {distinct or None!r}"
        )
    return distinct[0]
