"""``TorchEstimator``: PyTorch models, trained data-parallel by Ray workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from raydp._configuration.public_names import public_in
from raydp._estimators.configuration import (
    Options,
    TrainingOptions,
    check_callbacks,
    check_label_column,
    configure,
)
from raydp._estimators.estimator import Estimator, warn_deprecated
from raydp._estimators.frameworks import CategoryEncoding, EpochOptions, InputOptions, require
from raydp._estimators.signatures import with_options

require("torch", extra="torch")

from raydp.torch.hyperparameters import HYPERPARAMETERS  # noqa: E402
from raydp.torch.learner import TorchLearner  # noqa: E402  (imports torch)
from raydp.torch.recipe import Recipe  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch

    from raydp._estimators.hyperparameters import Hyperparameter

__all__ = ["TorchEstimator"]

_METRICS = (
    "print(estimator.fit_on_spark(...)) shows the loss (result.metrics; result.history has that of each epoch), and "
    "evaluate(df) returns accuracy, rmse and others"
)
_NO_EFFECT = {
    "num_processes_for_data_loader": "workers read batches from shared memory, without further processes",
    "metrics_name": _METRICS,
    "metrics_config": _METRICS,
    "use_ccl": "Ray Train chooses NCCL for GPUs and Gloo for CPUs",
    "use_gpu": 'resources_per_worker={"GPU": 1} trains on GPUs',
}


@public_in("raydp.torch")
@with_options(TrainingOptions, checkpoint_every=1)
class TorchEstimator(Estimator):
    """Trains PyTorch models on Spark DataFrames, Ray Datasets and pandas frames.

    The features of a batch are one tensor of shape (rows, columns). The labels are a tensor of shape (rows,), or
    (rows, 1) if the model's outputs have that shape. With several workers, gradients are averaged
    (``DistributedDataParallel``). Each worker reads its rows block by block, so they need not fit into its memory.

    Instead of a model, optimizer, loss or scheduler you can pass a function that creates it. It takes the same
    arguments as in RayDP 1.6: ``model()`` or ``model(config)``, ``optimizer(model)`` or ``optimizer(model, config)``,
    ``loss(config)``, ``lr_scheduler_creator(optimizer)`` or ``lr_scheduler_creator(optimizer, config)``, where
    ``config`` is an empty dictionary.

    If the loss is for classification (cross entropy and similar), labels are classes. They can be strings, or numbers
    whose sorted distinct values are the classes. Predictions are the most probable labels.

    Strings and ``categorical_columns`` are categories, those of the training rows. By default each category is a
    column of the tensor, with 0 or 1; ``estimator.categories`` has their order.

    Callbacks are functions of (epoch from 1, metrics) that are called in every worker. A callback that returns
    ``True`` in every worker stops training. A weight column needs a loss module that has a ``reduction``, which raydp
    then sets.

    Args:
        num_workers: Number of training processes; 1 by default.
        resources_per_worker: Ray resources of each process, such as ``{"CPU": 4, "GPU": 1}``; one CPU by default.
        model: The module, or a function that creates it.
        optimizer: An optimizer, its class (also in a ``functools.partial`` with its settings), or a function that
            creates it. Of an optimizer, the class and settings are used.
        loss: A loss module, its class, a function of (outputs, labels), or a function of (config) that creates one
            of these.
        lr_scheduler_creator: A function that creates a learning rate scheduler, or the class of one; ``None`` (the
            default): use none.
        scheduler_step_freq: Whether the scheduler steps after each ``"batch"`` (the default, also for ``None``) or
            after each ``"epoch"``.
        feature_columns: The columns to predict from; ``None`` (the default): all except the label and the weight.
        feature_types: Type of the features' tensor, or a list of types that are promoted to one; ``torch.float32`` by
            default.
        label_column: The column to predict.
        label_type: Type of the labels' tensor; by default ``torch.int64`` for classes and otherwise
            ``torch.float32``.
        batch_size: Rows of a batch in each worker; 64 by default.
        drop_last: Whether to leave out the last batch if it is smaller; ``False`` by default.
        num_epochs: Number of epochs; 1 by default.
        shuffle: Whether to shuffle blocks, and rows within a block, in each epoch; ``True`` by default.
        num_processes_for_data_loader: Deprecated; has no effect.
        placement_strategy: Ray's placement strategy for the workers; ``"PACK"`` by default.
        metrics_name: Deprecated; has no effect.
        metrics_config: Deprecated; has no effect.
        use_ccl: Deprecated; has no effect.
        early_stopping_epochs: Stop if the loss on the evaluation frame has not decreased for this number of epochs,
            and keep the best model; ``None`` (the default): train all epochs.
        use_gpu: Deprecated; has no effect.
        category_encoding: How categories become numbers: ``"one_hot"`` (the default), where all columns of a value
            that training did not have are 0, or ``"codes"`` for embeddings: one column with 1, 2, …, and 0 for such a
            value. An embedding of n categories then needs n + 1 rows.
        feature_shape: Shape of the features of one row, such as ``(1, 28, 28)`` for an image in a column of arrays;
            the model then gets tensors of shape (rows, 1, 28, 28). ``None`` (the default): (rows, columns).
        options: See :class:`raydp.estimator.Configuration`.

    Raises:
        InvalidArgumentError: An argument has a wrong value.
        UnknownArgumentError: An argument does not exist.
        MissingRequirementError: PyTorch is not installed. Importing the class raises it.
    """

    def __init__(
        self,
        num_workers: int = 1,
        resources_per_worker: Mapping[str, float] | None = None,
        model: torch.nn.Module | Callable[..., torch.nn.Module] | None = None,
        optimizer: torch.optim.Optimizer | Callable[..., torch.optim.Optimizer] | None = None,
        loss: Callable[..., Any] | type[torch.nn.Module] | None = None,
        lr_scheduler_creator: Callable[..., Any] | None = None,
        scheduler_step_freq: str | None = "batch",
        feature_columns: Sequence[str] | None = None,
        feature_types: torch.dtype | Sequence[torch.dtype] | None = None,
        label_column: str | None = None,
        label_type: torch.dtype | None = None,
        batch_size: int | None = None,
        drop_last: bool = False,  # noqa: FBT001, FBT002  (positions and names as in RayDP 1.6)
        num_epochs: int | None = None,
        shuffle: bool = True,  # noqa: FBT001, FBT002
        num_processes_for_data_loader: int | None = None,
        placement_strategy: str | None = None,
        metrics_name: Sequence[Any] | None = None,
        metrics_config: Mapping[str, Any] | None = None,
        use_ccl: bool | None = None,  # noqa: FBT001
        *,
        early_stopping_epochs: int | None = None,
        use_gpu: bool | None = None,
        category_encoding: CategoryEncoding = "one_hot",
        feature_shape: Sequence[int] | None = None,
        **options: Unpack[TrainingOptions],
    ) -> None:
        given = (num_processes_for_data_loader, metrics_name, metrics_config, use_ccl, use_gpu)
        for name, value in zip(_NO_EFFECT, given, strict=True):
            if value is not None:
                warn_deprecated(name, _NO_EFFECT[name])
        check_label_column(label_column)
        complete: Options = {
            "checkpoint_every": 1,
            **options,
            "feature_columns": feature_columns,
            "placement_strategy": placement_strategy or "PACK",
        }
        recipe = Recipe(
            model=model,
            optimizer=optimizer,
            loss=loss,
            scheduler=lr_scheduler_creator,
            scheduler_step=scheduler_step_freq or "batch",
            feature_type=feature_types,
            label_type=label_type,
            epochs=EpochOptions(
                count=1 if num_epochs is None else num_epochs,
                batch_size=64 if batch_size is None else batch_size,
                drop_last=drop_last,
                shuffle=shuffle,
                early_stopping=early_stopping_epochs,
            ),
            input_options=InputOptions.of(category_encoding, feature_shape),
        )
        recipe.check()
        configuration = configure(label_column, num_workers, resources_per_worker, complete, handles_missing=False)
        expected = "functions of (epoch, metrics)"
        check_callbacks(configuration, callable, expected, instead="a function of (epoch, metrics)")
        super().__init__(TorchLearner(recipe), configuration)

    @classmethod
    def hyperparameters(cls, arguments: Mapping[str, Any]) -> tuple[Hyperparameter, ...]:
        """Return the hyperparameters that stages of Spark ML have as Params."""
        del arguments
        return HYPERPARAMETERS
