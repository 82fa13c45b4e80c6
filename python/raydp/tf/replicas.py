"""Workers that train copies of one model: sums over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Replicas"]


class Replicas:
    """The workers of one training.

    Sums go through the collective operations of ``tf.distribute.MultiWorkerMirroredStrategy`` (gRPC between CPUs, NCCL
    between GPUs), of which Ray Train has set the addresses. The models stay plain Keras models outside of the
    strategy: Keras 3.15 cannot fit one in it (it tries to build the model from a batch of all workers at once, which
    has no single tensor), it would clip each worker's gradients instead of their mean, and it cannot end an epoch in
    which one worker has a batch more than another.

    It must be made before TensorFlow does anything else in the process.

    Args:
        workers: Their number.
        rank: Number of this one, from 0.
    """

    def __init__(self, workers: int, rank: int) -> None:
        self.workers = workers
        self._rank = rank
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy() if workers > 1 else None
        self._summed = tf.function(self._sums)

    def sums(self, tensors: Sequence[Any]) -> list[Any]:
        """Return the sum of each tensor over all workers, which all call this in the same order with equal shapes."""
        return list(self._summed(list(tensors))) if self._strategy is not None and tensors else list(tensors)

    def totals(self, *numbers: float) -> list[float]:
        """Return the sum of each number over all workers."""
        return [float(total) for total in self.sums([tf.constant(numbers, tf.float64)])[0]]

    def agree(self, variables: Sequence[Any]) -> None:
        """Give the variables of all workers the values that they have in the first one."""
        if self._strategy is None:
            return
        values = [tf.convert_to_tensor(variable) for variable in variables]
        shared = values if self._rank == 0 else [tf.zeros_like(value) for value in values]
        for variable, value in zip(variables, self.sums(shared), strict=True):
            variable.assign(value)

    def _sums(self, tensors: list[Any]) -> list[Any]:
        def in_replica(values: list[Any]) -> Any:
            # The copies lie on the replica's device, which is where the collective operation looks for it.
            return tf.distribute.get_replica_context().all_reduce("sum", [tf.identity(value) for value in values])

        assert self._strategy is not None
        summed: list[Any] = self._strategy.run(in_replica, args=(tensors,))
        return summed
