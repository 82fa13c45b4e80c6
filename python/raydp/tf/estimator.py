"""``TFEstimator``: Keras models on TensorFlow, data-parallel over Ray workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from raydp._estimators.configuration import CommonOptions, Options, check_callbacks, configure
from raydp._estimators.estimator import Estimator, deprecated_argument
from raydp._estimators.frameworks.epochs import Epochs
from raydp._estimators.frameworks.requirements import require
from raydp.errors import InvalidArgumentError

require("tensorflow", extra="tf")
require("keras", extra="tf")

import keras  # noqa: E402

from raydp.tf.learner import TFLearner  # noqa: E402  (imports TensorFlow)
from raydp.tf.recipe import Recipe  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from raydp._estimators.training.result import FitResult

__all__ = ["TFEstimator"]


class TFEstimator(Estimator):
    """Trains Keras models on frames, with TensorFlow.

    The features of a batch are one tensor of float32, of shape (rows, columns), or a dictionary of them; labels have
    the shape (rows,). With several workers gradients are averaged, so that n workers with batches of b rows learn as
    one with n * b; each worker goes through its rows block by block, so that they need not fit its memory.

    A step is that of Keras' ``fit``; a ``train_step`` of the model's own is not called.

    Losses of classification (``binary_crossentropy``, ``categorical_crossentropy``, ``sparse_categorical_crossentropy``
    and their focal kinds) make labels classes: they may be strings then, or numbers of which the sorted distinct
    values are the classes. Predictions are the most probable labels.

    Args:
        num_workers: Training processes.
        resources_per_worker: Ray resources of each, such as ``{"CPU": 4, "GPU": 1}``.
        model: The model, with its weights, or a function without arguments that makes it. One of a class of your own
            needs its ``get_config``.
        optimizer: An optimizer (of which kind and settings are taken), its name, or its configuration.
        loss: A loss, its name or configuration, or a function of (labels, outputs).
        metrics: Metrics, their names, or functions of (labels, outputs), measured in each epoch.
        feature_columns: Columns to predict from; ``None``: all but the label and the weight.
        label_columns: The column to predict, or a list of one.
        merge_feature_columns: Whether the model takes all features as one matrix; else a dictionary with a matrix for
            each column, of shape (rows, 1) or (rows, length of its arrays). ``None``: one matrix, but for a model that
            has several inputs.
        batch_size: Rows of a batch in each worker; 128 by default.
        drop_last: Leave out a last batch that is smaller.
        num_epochs: Epochs; 1 by default.
        shuffle: Take blocks, and rows within a block, in another order in each epoch.
        callbacks: Callbacks of Keras, called in every worker; ``model.stop_training`` in any of them ends training.
            What they remember themselves begins anew after a worker was killed.
        extra_config: Deprecated.
        use_gpu: Deprecated.
        early_stopping_epochs: End when the loss on the evaluation frame has not become smaller for so many epochs;
            the model is the best one then.
        placement_strategy: Ray's placement strategy for the workers.
        options: See :class:`raydp._estimators.configuration.Configuration`; ``checkpoint_every`` is 1 by default.

    Raises:
        InvalidArgumentError: An argument is wrong.
        MissingRequirementError: TensorFlow is not installed (when this module is imported).
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
        **options: Unpack[CommonOptions],
    ) -> None:
        if extra_config is not None:
            deprecated_argument("extra_config", "placement_strategy, checkpoint_dir and the like are arguments")
        if use_gpu is not None:
            deprecated_argument("use_gpu", 'resources_per_worker={"GPU": 1} trains on GPUs')
        if isinstance(metrics, str):
            raise InvalidArgumentError(f"metrics takes a list of metrics, not one; got: {metrics!r}")
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
            epochs=Epochs(
                count=1 if num_epochs is None else num_epochs,
                batch_size=128 if batch_size is None else batch_size,
                drop_last=drop_last,
                shuffle=shuffle,
                early_stopping=early_stopping_epochs,
            ),
        ).checked()
        label = _label(label_columns)
        configuration = configure(label, num_workers, resources_per_worker, complete, handles_missing=False)
        check_callbacks(configuration, lambda one: isinstance(one, keras.callbacks.Callback), "callbacks of Keras")
        super().__init__(TFLearner(recipe), configuration)

    def fit_on_spark(  # type: ignore[override]
        self,
        train_df: Any,
        evaluate_df: Any = None,
        fs_directory: str | None = None,
        compression: str | None = None,
        max_retries: int = 3,
        stop_spark_after_conversion: bool = False,  # noqa: FBT001, FBT002
    ) -> FitResult:
        """As that of other estimators, with the order of arguments that ``TFEstimator`` had in RayDP 1.6."""
        return self._fit_on_spark(
            train_df, evaluate_df, max_retries, fs_directory, compression, stop_spark=stop_spark_after_conversion
        )


def _label(given: str | Sequence[str] | None) -> str:
    names = [given] if isinstance(given, str) else list(given or ())
    if len(names) != 1 or not isinstance(names[0], str):
        raise InvalidArgumentError(
            "label_columns must name one column; several outputs need an estimator each. "
            f"Got: {given if given is None else names!r}"
        )
    return names[0]
