"""Sums over all training workers, which keep their copies of a model equal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Replicas"]


class Replicas:
    """The workers of one training.

    Sums use the collective operations of ``tf.distribute.MultiWorkerMirroredStrategy`` (gRPC between CPUs, NCCL between
    GPUs), for which Ray Train has set the addresses. The models are plain Keras models outside the strategy, because
    Keras 3.15 cannot fit a model inside it: it would build the model from a batch of all workers, which is not one
    tensor; it would clip the gradients of each worker instead of their mean; and it cannot end an epoch in which one
    worker has a batch more than another.

    Create it before TensorFlow does anything else in the process.

    Args:
        workers: Number of workers.
        rank: This worker's number, from 0.
    """

    def __init__(self, workers: int, rank: int) -> None:
        self.workers = workers
        self._rank = rank
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy() if workers > 1 else None
        self._reduce = tf.function(self._reduce_in_strategy)

    def sum_tensors(self, tensors: Sequence[Any]) -> list[Any]:
        """Return the sum of each tensor over all workers. All workers must call this together, with equal shapes."""
        return list(self._reduce(list(tensors))) if self._strategy is not None and tensors else list(tensors)

    def sum_numbers(self, *numbers: float) -> list[float]:
        """Return the sum of each number over all workers. All workers must call this together."""
        return [float(total) for total in self.sum_tensors([tf.constant(numbers, tf.float64)])[0]]

    def copy_from_first(self, variables: Sequence[Any]) -> None:
        """Set the variables of all workers to their values in the worker of rank 0."""
        if self._strategy is None:
            return
        values = [tf.convert_to_tensor(variable) for variable in variables]
        shared = values if self._rank == 0 else [tf.zeros_like(value) for value in values]
        for variable, value in zip(variables, self.sum_tensors(shared), strict=True):
            variable.assign(value)

    def _reduce_in_strategy(self, tensors: list[Any]) -> list[Any]:
        def in_replica(values: list[Any]) -> Any:
            # The collective operation runs on the tensors' device, and the copies are on the replica's.
            return tf.distribute.get_replica_context().all_reduce("sum", [tf.identity(value) for value in values])

        assert self._strategy is not None
        summed: list[Any] = self._strategy.run(in_replica, args=(tensors,))
        return summed
