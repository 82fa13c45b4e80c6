"""``TorchEstimator``: PyTorch models, data-parallel over Ray workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from raydp._estimators.configuration import Options, TrainingOptions, check_callbacks, configure
from raydp._estimators.estimator import Estimator, deprecated_argument
from raydp._estimators.frameworks.epochs import Epochs
from raydp._estimators.frameworks.requirements import require
from raydp.errors import InvalidArgumentError

require("torch", extra="torch")

from raydp.torch.learner import TorchLearner  # noqa: E402  (imports torch)
from raydp.torch.recipe import Recipe  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch

__all__ = ["TorchEstimator"]

_NO_EFFECT = {
    "num_processes_for_data_loader": "workers read batches from shared memory, without processes of their own for it",
    "metrics_name": "result.history has the loss of each epoch, and evaluate(df) gives accuracy, rmse and the like",
    "metrics_config": "result.history has the loss of each epoch, and evaluate(df) gives accuracy, rmse and the like",
    "use_ccl": "Ray Train chooses NCCL for GPUs and Gloo for CPUs",
    "use_gpu": 'resources_per_worker={"GPU": 1} trains on GPUs',
}


class TorchEstimator(Estimator):
    """Trains PyTorch models on frames.

    The features of a batch are one tensor of shape (rows, columns), labels one of shape (rows,), or (rows, 1) where
    the model gives that. With several workers gradients are averaged (``DistributedDataParallel``); each worker goes
    through its rows block by block, so that they need not fit its memory.

    A model, optimizer, loss or scheduler may be given as a function that makes it; of as many arguments as RayDP 1.6
    gave it: ``model()`` or ``model(config)``, ``optimizer(model)`` or ``optimizer(model, config)``, ``loss(config)``,
    ``lr_scheduler_creator(optimizer)`` or ``(optimizer, config)``, with an empty dictionary as ``config``.

    Losses of classification (cross entropy and its kind) make labels classes: they may be strings then, or
    numbers of which the sorted distinct values are the classes. Predictions are the most probable labels.

    Args:
        num_workers: Training processes.
        resources_per_worker: Ray resources of each, such as ``{"CPU": 4, "GPU": 1}``.
        model: The module, or a function that makes it.
        optimizer: An optimizer (of which kind and settings are taken), or a function that makes it.
        loss: A loss module, its class, a function of (outputs, labels), or one of (config) that makes any of these.
        lr_scheduler_creator: Makes a learning rate scheduler, or ``None``.
        scheduler_step_freq: Whether it steps after each ``"batch"`` (also by ``None``) or ``"epoch"``.
        feature_columns: Columns to predict from; ``None``: all but the label and the weight.
        feature_types: Type of the features' tensor, or a list of types, which are promoted to one; ``torch.float32`` by
            default.
        label_column: The column to predict.
        label_type: Type of the labels' tensor; by default ``torch.float32``, for classes ``torch.int64``.
        batch_size: Rows of a batch in each worker; 64 by default.
        drop_last: Leave out a last batch that is smaller.
        num_epochs: Epochs; 1 by default.
        shuffle: Take blocks, and rows within a block, in another order in each epoch.
        num_processes_for_data_loader: Deprecated.
        placement_strategy: Ray's placement strategy for the workers.
        metrics_name: Deprecated.
        metrics_config: Deprecated.
        use_ccl: Deprecated.
        early_stopping_epochs: End when the loss on the evaluation frame has not become smaller for so many epochs;
            the model is the best one then.
        use_gpu: Deprecated.
        options: See :class:`raydp._estimators.configuration.Configuration`; ``checkpoint_every`` is 1 by default.
            Callbacks are functions of (epoch from 1, metrics), called in every worker; one that returns ``True`` in
            all of them ends training. Weights need a loss module, whose ``reduction`` is then left to raydp.

    Raises:
        InvalidArgumentError: An argument is wrong.
        MissingRequirementError: PyTorch is not installed (when this module is imported).
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
        **options: Unpack[TrainingOptions],
    ) -> None:
        given = (num_processes_for_data_loader, metrics_name, metrics_config, use_ccl, use_gpu)
        for name, value in zip(_NO_EFFECT, given, strict=True):
            if value is not None:
                deprecated_argument(name, _NO_EFFECT[name])
        if not isinstance(label_column, str):
            raise InvalidArgumentError(f"label_column must be the name of a column; got: {label_column!r}")
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
            epochs=Epochs(
                count=1 if num_epochs is None else num_epochs,
                batch_size=64 if batch_size is None else batch_size,
                drop_last=drop_last,
                shuffle=shuffle,
                early_stopping=early_stopping_epochs,
            ),
        )
        recipe.check()
        configuration = configure(label_column, num_workers, resources_per_worker, complete, handles_missing=False)
        check_callbacks(configuration, callable, "functions of (epoch, metrics)")
        super().__init__(TorchLearner(recipe), configuration)
