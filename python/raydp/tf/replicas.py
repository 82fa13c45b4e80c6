"""Sums over all training workers, which keep their copies of a model equal."""

from __future__ import annotations

import math
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
        self._summing: dict[tf.DType, Any] = {}

    def sum_tensors(self, tensors: Sequence[Any]) -> list[Any]:
        """Return the sum of each tensor over all workers. All workers must call this together, with equal shapes."""
        if self._strategy is None:
            return list(tensors)
        summed = list(tensors)
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            places = [place for place, tensor in enumerate(tensors) if tensor.dtype == dtype]
            for place, total in zip(places, self._sum_equal_types([tensors[place] for place in places]), strict=True):
                summed[place] = total
        return summed

    def _sum_equal_types(self, tensors: Sequence[Any]) -> list[Any]:
        """Sum tensors of one type as one vector, because TensorFlow traces a function for each new list of shapes."""
        dtype = tensors[0].dtype
        reduce = self._summing.get(dtype)
        if reduce is None:
            signature = [tf.TensorSpec([None], dtype)]
            reduce = self._summing[dtype] = tf.function(self._reduce_in_strategy, input_signature=signature)
        total = reduce(tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0))
        parts = tf.split(total, [math.prod(tensor.shape) for tensor in tensors])
        return [tf.reshape(part, tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]

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

    def _reduce_in_strategy(self, vector: Any) -> Any:
        def in_replica(value: Any) -> Any:
            # The collective operation runs on the tensor's device, and the copy is on the replica's.
            return tf.distribute.get_replica_context().all_reduce("sum", tf.identity(value))

        assert self._strategy is not None
        return self._strategy.run(in_replica, args=(vector,))
