"""Train epochs with Keras in one worker, in step with the other workers."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from raydp._estimators.frameworks import EpochState, TrainedModel, iterate_batches
from raydp.tf.archive import serialize_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raydp._estimators.frameworks import TrainingWorker
    from raydp.tf.recipe import Recipe
    from raydp.tf.replicas import Replicas

__all__ = ["TrainingRun"]

_STATE, _VARIABLES = "state.json", "variables"


class TrainingRun:
    """The state of training in one worker.

    A step is that of Keras' own ``fit``. With several workers, each computes the gradients of its batch. All of them
    apply the mean, weighted by the rows of the batches, which is the step of one worker with all of these rows.
    """

    def __init__(self, recipe: Recipe, worker: TrainingWorker, replicas: Replicas) -> None:
        self._recipe, self._worker, self._replicas = recipe, worker, replicas
        self._model = recipe.make_model(worker.layout)
        self._outputs = 1
        self._create_variables()
        self._step = tf.function(self._compute_and_apply_gradients, reduce_retracing=True)
        self._evaluate_batch = tf.function(self._compute_loss, reduce_retracing=True)
        self._gradients = tf.function(self._compute_gradients, reduce_retracing=True)
        self._apply = tf.function(self._apply_gradients)
        self._state = EpochState()
        self._best: list[Any] = []

    def train(self) -> TrainedModel | None:
        """Train all epochs that are left. The worker of rank 0 returns the model."""
        self._restore()
        epochs = self._recipe.epochs
        callbacks = keras.callbacks.CallbackList(
            list(self._worker.configuration.callbacks), model=self._model, epochs=epochs.count, verbose=0
        )
        self._model.stop_training = False
        callbacks.on_train_begin()
        while not self._state.is_finished(epochs):
            self._train_epoch(callbacks)
        callbacks.on_train_end()
        if self._worker.rank != 0:
            return None
        model = self._recipe.make_model(self._worker.layout)  # a new one, without optimizer, loss and metrics
        for variable, value in zip(model.weights, self._best or self._model.weights, strict=True):
            variable.assign(value)
        return TrainedModel(serialize_model(model), self._state.history, self._state.best_epoch or None)

    def _create_variables(self) -> None:
        """Create everything that has variables. Every worker does so, even one that gets no batch."""
        recipe, model, worker = self._recipe, self._model, self._worker
        features = recipe.inputs(np.zeros((2, worker.layout.width), np.float32), worker.layout)
        outputs = model(features, training=False)
        self._outputs = 1 if len(outputs.shape) == 1 else int(outputs.shape[1])
        model.compile(optimizer=recipe.make_optimizer(), loss=recipe.make_loss(), metrics=recipe.make_metrics())
        model.optimizer.build(model.trainable_variables)
        labels = recipe.labels(np.zeros(2), self._outputs, classes=worker.classes is not None)
        model.compute_loss(x=features, y=labels, y_pred=outputs, training=False)
        model.compute_metrics(features, labels, outputs)
        self._replicas.copy_from_first([*model.trainable_variables, *self._list_moving_averages()])

    def _list_moving_averages(self) -> list[Any]:
        """Return the variables that a batch updates without gradients, such as the means of batch normalisation."""
        return [one for one in self._model.non_trainable_weights if keras.backend.is_float_dtype(one.dtype)]

    def _train_epoch(self, callbacks: Any) -> None:
        """Train one epoch, evaluate, and save a checkpoint if one is due."""
        state, worker = self._state, self._worker
        callbacks.on_epoch_begin(state.epoch)
        state.epoch += 1
        found = {"train": self._train_batches(callbacks)}
        if worker.evaluation_shard is not None:
            found["evaluate"] = self._evaluate(callbacks)
        metrics = {f"{frame}-{name}": value for frame, values in found.items() for name, value in values.items()}
        if state.add_epoch(metrics, self._recipe.epochs):
            self._best = [tf.Variable(one.value) for one in self._model.weights]
        logs = {**found["train"], **{f"val_{name}": value for name, value in found.get("evaluate", {}).items()}}
        callbacks.on_epoch_end(state.epoch - 1, logs)
        if self._replicas.sum_numbers(float(self._model.stop_training))[0] > 0:
            state.stopped = True
        worker.checkpoints.report_step(state.epoch, metrics, self._write_checkpoint)

    def _train_batches(self, callbacks: Any) -> dict[str, float]:
        """Train with all batches of an epoch; return the loss and the metrics."""
        epochs, worker = self._recipe.epochs, self._worker
        shuffler = epochs.make_shuffler(worker.configuration.seed, self._state.epoch, worker.rank)
        self._model.reset_metrics()
        total, rows = 0.0, 0.0
        batches = self._iterate_batches(worker.train_shard, shuffler, drop_last=epochs.drop_last)
        for index, (features, labels, weights) in enumerate(batches):
            callbacks.on_train_batch_begin(index)
            loss = self._train_batch(features, labels, weights)
            total, rows = total + loss * len(labels), rows + len(labels)
            callbacks.on_train_batch_end(index, {"loss": loss})
        self._join_remaining_steps()
        moving = self._list_moving_averages()
        for variable, value in zip(moving, self._replicas.sum_tensors(_to_tensors(moving)), strict=True):
            variable.assign(value / self._replicas.workers)
        return self._compute_metrics(total, rows)

    def _train_batch(self, features: Any, labels: Any, weights: Any) -> float:
        if self._replicas.workers == 1:
            return float(self._step(features, labels, weights))
        loss, gradients = self._gradients(features, labels, weights)
        self._apply_mean(gradients, len(labels))
        return float(loss)

    def _join_remaining_steps(self) -> None:
        """Take part in the steps of workers that have a batch more, because all workers must make the same steps."""
        if self._replicas.workers > 1:
            none = [tf.zeros(one.shape, one.dtype) for one in self._model.trainable_variables]
            while self._apply_mean(none, 0):
                pass

    def _apply_mean(self, gradients: list[Any], rows: int) -> bool:
        """Apply the mean gradients of all workers; return whether any of them had a batch."""
        weighted = [gradient * tf.cast(rows, gradient.dtype) for gradient in gradients]
        *sums, total = self._replicas.sum_tensors([*weighted, tf.constant(float(rows))])
        if float(total) == 0:
            return False
        self._apply([gradient / tf.cast(total, gradient.dtype) for gradient in sums])
        return True

    def _compute_and_apply_gradients(self, features: Any, labels: Any, weights: Any) -> Any:
        loss, gradients = self._compute_gradients(features, labels, weights)
        self._apply_gradients(gradients)
        return loss

    def _compute_gradients(self, features: Any, labels: Any, weights: Any) -> tuple[Any, list[Any]]:
        model = self._model
        with tf.GradientTape() as tape:
            outputs = model(features, training=True)
            loss = model.compute_loss(x=features, y=labels, y_pred=outputs, sample_weight=weights, training=True)
            scaled = model.optimizer.scale_loss(loss)
        unconnected = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(scaled, model.trainable_variables, unconnected_gradients=unconnected)
        model.compute_metrics(features, labels, outputs, sample_weight=weights)
        return loss, [
            tf.convert_to_tensor(gradient) for gradient in gradients
        ]  # the gradients of embeddings are sparse

    def _apply_gradients(self, gradients: list[Any]) -> None:
        self._model.optimizer.apply(gradients, self._model.trainable_variables)

    def _evaluate(self, callbacks: Any) -> dict[str, float]:
        """Return the loss and the metrics on the evaluation frame."""
        self._model.reset_metrics()
        callbacks.on_test_begin()
        total, rows = 0.0, 0.0
        for features, labels, weights in self._iterate_batches(self._worker.evaluation_shard, None, drop_last=False):
            loss = float(self._evaluate_batch(features, labels, weights))
            total, rows = total + loss * len(labels), rows + len(labels)
        metrics = self._compute_metrics(total, rows)
        callbacks.on_test_end(metrics)
        return metrics

    def _compute_loss(self, features: Any, labels: Any, weights: Any) -> Any:
        outputs = self._model(features, training=False)
        loss = self._model.compute_loss(x=features, y=labels, y_pred=outputs, sample_weight=weights, training=False)
        self._model.compute_metrics(features, labels, outputs, sample_weight=weights)
        return loss

    def _compute_metrics(self, total: float, rows: float) -> dict[str, float]:
        """Return the mean loss and the metrics over the rows of all workers.

        Args:
            total: Sum of the losses of this worker's rows.
            rows: Number of these rows.
        """
        total, rows = self._replicas.sum_numbers(total, rows)
        variables = self._model.metrics_variables
        for variable, value in zip(variables, self._replicas.sum_tensors(_to_tensors(variables)), strict=True):
            variable.assign(value)
        found = {name: float(value) for name, value in self._model.get_metrics_result().items()}
        return {**found, "loss": total / rows if rows else float("nan")}

    def _iterate_batches(self, shard: Any, shuffler: np.random.Generator | None, *, drop_last: bool) -> Iterator[Any]:
        worker, recipe = self._worker, self._recipe
        for rows in iterate_batches(worker, shard, np.float32, recipe.epochs.batch_size, shuffler, drop_last=drop_last):
            assert rows.labels is not None
            labels = recipe.labels(rows.labels, self._outputs, classes=worker.classes is not None)
            weights = None if rows.weights is None else tf.constant(rows.weights, tf.float32)
            yield recipe.inputs(rows.features, worker.layout), labels, weights

    def _make_checkpoint(self) -> Any:
        metrics = {id(one) for one in self._model.metrics_variables}  # reset in each epoch
        variables = [one for one in self._model.variables if id(one) not in metrics]
        variables += self._model.optimizer.variables
        return tf.train.Checkpoint(state=[one.value for one in variables], best=self._best)

    def _write_checkpoint(self, folder: Path) -> None:
        self._make_checkpoint().write(str(folder / _VARIABLES))
        (folder / _STATE).write_text(json.dumps(asdict(self._state)))

    def _restore(self) -> None:
        """Restore the state from the latest checkpoint, if there is one."""
        with self._worker.checkpoints.open_latest() as folder:
            if folder is None:
                return
            self._state = EpochState(**json.loads((folder / _STATE).read_text()))
            if self._state.best_epoch:
                self._best = [tf.Variable(one.value) for one in self._model.weights]
            self._make_checkpoint().read(str(folder / _VARIABLES)).assert_consumed()


def _to_tensors(variables: list[Any]) -> list[Any]:
    return [tf.convert_to_tensor(variable) for variable in variables]
