"""Epochs of training with Keras, in one worker of several."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from raydp._estimators.frameworks.batches import batches
from raydp._estimators.frameworks.epochs import Course
from raydp._estimators.frameworks.learner import Trained
from raydp.tf.archive import model_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raydp._estimators.frameworks.learner import Part
    from raydp.tf.recipe import Recipe
    from raydp.tf.replicas import Replicas

__all__ = ["Run"]

_COURSE, _VARIABLES = "course.json", "variables"


class Run:
    """The state of training in one worker.

    A step is that of Keras' own ``fit``. With several workers each finds the gradients of its batch; their mean,
    weighted by the rows of the batches, is applied by all, which is the step of one worker with all of those rows.
    """

    def __init__(self, recipe: Recipe, part: Part, replicas: Replicas) -> None:
        self._recipe, self._part, self._replicas = recipe, part, replicas
        self._model = recipe.make_model(part.layout)
        self._outputs = 1
        self._prepare()
        self._step = tf.function(self._one_step, reduce_retracing=True)
        self._measure = tf.function(self._one_measure, reduce_retracing=True)
        self._gradients = tf.function(self._gradients_of, reduce_retracing=True)
        self._apply = tf.function(self._apply_all)
        self._course = Course()
        self._best: list[Any] = []

    def result(self) -> Trained | None:
        """Train all epochs that are left; the first worker returns the model."""
        self._restore()
        epochs = self._recipe.epochs
        callbacks = keras.callbacks.CallbackList(
            list(self._part.configuration.callbacks), model=self._model, epochs=epochs.count, verbose=0
        )
        self._model.stop_training = False
        callbacks.on_train_begin()
        while self._course.epoch < epochs.count and not self._course.ended:
            self._one_epoch(callbacks)
        callbacks.on_train_end()
        if self._part.rank != 0:
            return None
        model = self._recipe.make_model(self._part.layout)  # without optimizer, loss and metrics, for whoever loads it
        for variable, value in zip(model.weights, self._best or self._model.weights, strict=True):
            variable.assign(value)
        return Trained(model_bytes(model), self._course.history)

    def _prepare(self) -> None:
        """Make everything that has variables, in all workers alike, also in those that will have no batch."""
        recipe, model, part = self._recipe, self._model, self._part
        features = recipe.inputs(np.zeros((2, part.layout.width), np.float32), part.layout)
        outputs = model(features, training=False)
        self._outputs = 1 if len(outputs.shape) == 1 else int(outputs.shape[1])
        model.compile(optimizer=recipe.make_optimizer(), loss=recipe.make_loss(), metrics=recipe.make_metrics())
        model.optimizer.build(model.trainable_variables)
        labels = recipe.labels(np.zeros(2), self._outputs, classes=part.classes is not None)
        model.compute_loss(x=features, y=labels, y_pred=outputs, training=False)
        model.compute_metrics(features, labels, outputs)
        self._replicas.agree([*model.trainable_variables, *self._moving()])

    def _moving(self) -> list[Any]:
        """Return the variables that a batch moves without gradients, such as means of batch normalisation."""
        return [one for one in self._model.non_trainable_weights if keras.backend.is_float_dtype(one.dtype)]

    def _one_epoch(self, callbacks: Any) -> None:
        course, part = self._course, self._part
        callbacks.on_epoch_begin(course.epoch)
        course.epoch += 1
        found = {"train": self._trained(callbacks)}
        if part.evaluate is not None:
            found["evaluate"] = self._evaluated(callbacks)
        metrics = {f"{frame}-{name}": value for frame, values in found.items() for name, value in values.items()}
        if course.add(metrics, self._recipe.epochs):
            self._best = [tf.Variable(one.value) for one in self._model.weights]
        logs = {**found["train"], **{f"val_{name}": value for name, value in found.get("evaluate", {}).items()}}
        callbacks.on_epoch_end(course.epoch - 1, logs)
        if self._replicas.totals(float(self._model.stop_training))[0] > 0:
            course.ended = True
        part.checkpoints.step_done(course.epoch, metrics, self._write)

    def _trained(self, callbacks: Any) -> dict[str, float]:
        epochs, part = self._recipe.epochs, self._part
        order = epochs.order(part.configuration.seed, self._course.epoch, part.rank)
        self._model.reset_metrics()
        total, rows = 0.0, 0.0
        batches_ = self._batches(part.train, order, drop_last=epochs.drop_last)
        for index, (features, labels, weights) in enumerate(batches_):
            callbacks.on_train_batch_begin(index)
            loss = self._stepped(features, labels, weights)
            total, rows = total + loss * len(labels), rows + len(labels)
            callbacks.on_train_batch_end(index, {"loss": loss})
        self._finish_steps()
        for variable, value in zip(self._moving(), self._replicas.sums(self._tensors(self._moving())), strict=True):
            variable.assign(value / self._replicas.workers)
        return self._measured(total, rows)

    def _stepped(self, features: Any, labels: Any, weights: Any) -> float:
        if self._replicas.workers == 1:
            return float(self._step(features, labels, weights))
        loss, gradients = self._gradients(features, labels, weights)
        self._averaged(gradients, len(labels))
        return float(loss)

    def _finish_steps(self) -> None:
        """Take part in the steps of workers that have a batch more, for all make the same ones."""
        if self._replicas.workers > 1:
            none = [tf.zeros(one.shape, one.dtype) for one in self._model.trainable_variables]
            while self._averaged(none, 0):
                pass

    def _averaged(self, gradients: list[Any], rows: int) -> bool:
        """Apply the mean gradients of all workers; return whether any of them had a batch."""
        weighted = [gradient * tf.cast(rows, gradient.dtype) for gradient in gradients]
        *sums, total = self._replicas.sums([*weighted, tf.constant(float(rows))])
        if float(total) == 0:
            return False
        self._apply([gradient / tf.cast(total, gradient.dtype) for gradient in sums])
        return True

    def _one_step(self, features: Any, labels: Any, weights: Any) -> Any:
        loss, gradients = self._gradients_of(features, labels, weights)
        self._apply_all(gradients)
        return loss

    def _gradients_of(self, features: Any, labels: Any, weights: Any) -> tuple[Any, list[Any]]:
        model = self._model
        with tf.GradientTape() as tape:
            outputs = model(features, training=True)
            loss = model.compute_loss(x=features, y=labels, y_pred=outputs, sample_weight=weights, training=True)
            scaled = model.optimizer.scale_loss(loss)
        unconnected = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(scaled, model.trainable_variables, unconnected_gradients=unconnected)
        model.compute_metrics(features, labels, outputs, sample_weight=weights)
        return loss, [tf.convert_to_tensor(gradient) for gradient in gradients]  # those of embeddings are sparse

    def _apply_all(self, gradients: list[Any]) -> None:
        self._model.optimizer.apply(gradients, self._model.trainable_variables)

    def _evaluated(self, callbacks: Any) -> dict[str, float]:
        self._model.reset_metrics()
        callbacks.on_test_begin()
        total, rows = 0.0, 0.0
        for features, labels, weights in self._batches(self._part.evaluate, None, drop_last=False):
            total, rows = total + float(self._measure(features, labels, weights)) * len(labels), rows + len(labels)
        measured = self._measured(total, rows)
        callbacks.on_test_end(measured)
        return measured

    def _one_measure(self, features: Any, labels: Any, weights: Any) -> Any:
        outputs = self._model(features, training=False)
        loss = self._model.compute_loss(x=features, y=labels, y_pred=outputs, sample_weight=weights, training=False)
        self._model.compute_metrics(features, labels, outputs, sample_weight=weights)
        return loss

    def _measured(self, total: float, rows: float) -> dict[str, float]:
        """Return the mean loss and the metrics over the rows of all workers."""
        total, rows = self._replicas.totals(total, rows)
        variables = self._model.metrics_variables
        for variable, value in zip(variables, self._replicas.sums(self._tensors(variables)), strict=True):
            variable.assign(value)
        found = {name: float(value) for name, value in self._model.get_metrics_result().items()}
        return {**found, "loss": total / rows if rows else float("nan")}

    def _batches(self, shard: Any, order: np.random.Generator | None, *, drop_last: bool) -> Iterator[Any]:
        part, recipe = self._part, self._recipe
        for rows in batches(part, shard, np.float32, recipe.epochs.batch_size, order, drop_last=drop_last):
            assert rows.labels is not None
            labels = recipe.labels(rows.labels, self._outputs, classes=part.classes is not None)
            weights = None if rows.weights is None else tf.constant(rows.weights, tf.float32)
            yield recipe.inputs(rows.features, part.layout), labels, weights

    def _tensors(self, variables: list[Any]) -> list[Any]:
        return [tf.convert_to_tensor(variable) for variable in variables]

    def _state(self) -> Any:
        passing = {id(one) for one in self._model.metrics_variables}  # begun anew in each epoch
        variables = [one for one in self._model.variables if id(one) not in passing]
        variables += self._model.optimizer.variables
        return tf.train.Checkpoint(state=[one.value for one in variables], best=self._best)

    def _write(self, folder: Path) -> None:
        self._state().write(str(folder / _VARIABLES))
        (folder / _COURSE).write_text(json.dumps(asdict(self._course)))

    def _restore(self) -> None:
        """Take up everything where the last checkpoint left it."""
        with self._part.checkpoints.last() as folder:
            if folder is None:
                return
            self._course = Course(**json.loads((folder / _COURSE).read_text()))
            if self._course.best_epoch:
                self._best = [tf.Variable(one.value) for one in self._model.weights]
            self._state().read(str(folder / _VARIABLES)).assert_consumed()
