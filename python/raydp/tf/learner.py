"""Train with Keras in one worker, and predict with the model."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from raydp._estimators.frameworks import ROWS_PER_SCORE, NetworkLearner, describe_features
from raydp._estimators.frameworks.learner import data_parallel_trainer
from raydp.errors import InvalidArgumentError, InvalidDataError
from raydp.tf.archive import load_weights, serialize_model
from raydp.tf.recipe import Recipe
from raydp.tf.replicas import Replicas
from raydp.tf.run import TrainingRun

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.data.vocabulary import Encoding
    from raydp._estimators.frameworks import TrainedModel, TrainingWorker

__all__ = ["TFLearner"]


@dataclass(frozen=True)
class TFLearner(NetworkLearner[Recipe]):
    """Keras with the user's model.

    Attributes:
        recipe: The model, optimizer, loss and training options.
        layout: The columns to which it is bound; ``None``: it is not bound yet.
    """

    framework: ClassVar[str] = "tf"
    file_name: ClassVar[str] = "model.keras"

    recipe: Recipe
    layout: Layout | None = None

    @property
    def identity(self) -> str:
        """Describes the model's shapes, the optimizer and the epochs. Functions have no description that lasts."""
        assert self.layout is not None  # a learner is bound before it trains
        r = self.recipe
        shapes = [tuple(weight.shape) for weight in r.make_model(self.layout).weights]
        optimizer = keras.optimizers.serialize(r.make_optimizer())
        return repr((shapes, optimizer, r.merges, r.epochs, r.input_options))

    def bind(self, layout: Layout) -> TFLearner:
        """Return a learner that knows the columns' names, for models that take a matrix for each column."""
        return replace(self, layout=layout)

    def choose_encoding(self, column: str, *, is_declared: bool) -> Encoding:
        """Return codes for an input that takes codes or strings, and otherwise the encoding that the user chose."""
        input_type = self.recipe.model_inputs.find_type(column)
        if input_type is not None and (input_type.is_integer or input_type.dtype == "string"):
            return "codes"
        return super().choose_encoding(column, is_declared=is_declared)

    def check_data(self, layout: Layout, classes: Classes | None) -> None:
        """Raise InvalidArgumentError also for a shape of all features if the model takes columns one by one."""
        shape = self.recipe.input_options.shape
        if shape is not None and not self.recipe.merges:
            raise InvalidArgumentError(
                "feature_shape is for a model with one input. Give each input of this model its own shape "
                f"(keras.Input(shape)). feature_shape: {shape}"
            )
        super().check_data(layout, classes)

    def count_outputs(self, layout: Layout) -> int:
        """Return the number of outputs that the model has for two rows of zeros."""
        try:
            model = self.recipe.make_model(layout)
            outputs = model(self.recipe.inputs(np.zeros((2, layout.width), np.float32), layout))
            serialize_model(model)  # to fail now rather than after the last epoch
        except (ValueError, TypeError, KeyError, NotImplementedError, tf.errors.OpError) as error:
            form = f"(rows, {layout.width})" if self.recipe.merges else "a matrix for each column, by name,"
            raise InvalidDataError(
                "The model does not accept the features, or Keras cannot save it. Check the shape of its input, and "
                f"merge_feature_columns. Features: {form} of float32, from "
                f"{describe_features(layout)}; {_shorten_message(error)}"
            ) from error
        if not hasattr(outputs, "shape"):
            raise InvalidDataError(
                f"The model must return one output of shape (rows, outputs); it returned a {type(outputs).__name__}"
            )
        return 1 if len(outputs.shape) == 1 else int(outputs.shape[1])

    def trainer_class(self, worker_count: int) -> Any:
        """Return a trainer of Ray Train that tells several workers each other's addresses."""
        from raydp._ray.tensorflow_backend import addressing_trainer

        trainer = data_parallel_trainer()
        return trainer if worker_count == 1 else addressing_trainer(trainer)

    def train(self, worker: TrainingWorker) -> TrainedModel | None:
        """Train, starting from the latest checkpoint if there is one."""
        tf.config.threading.set_intra_op_parallelism_threads(worker.threads)
        tf.config.threading.set_inter_op_parallelism_threads(worker.threads)
        replicas = Replicas(worker.worker_count, worker.rank)
        if worker.configuration.seed is not None:
            keras.utils.set_random_seed(worker.configuration.seed)
        return TrainingRun(self.recipe, worker, replicas).train()

    def load(self, content: bytes) -> keras.Model:
        """Return the model, not compiled."""
        assert self.layout is not None  # a learner is bound before it trains
        model = self.recipe.make_model(self.layout)
        load_weights(model, content)
        return model

    def score(self, model: keras.Model, features: NDArray[Any], classes: Classes | None) -> NDArray[Any]:
        """Return probabilities or values, computed on a GPU if this process has one."""
        assert self.layout is not None
        pieces = []
        for start in range(0, max(len(features), 1), ROWS_PER_SCORE):
            piece = features[start : start + ROWS_PER_SCORE]
            outputs = np.asarray(model(self.recipe.inputs(piece, self.layout), training=False), np.float32)
            pieces.append(outputs[:, None] if outputs.ndim == 1 else outputs)
        outputs = np.concatenate(pieces)
        scores = outputs if classes is None else self.recipe.probabilities(outputs)
        return np.asarray(scores[:, 0] if scores.ndim == 2 and scores.shape[1] == 1 else scores)


def _shorten_message(error: Exception) -> str:
    """Return the message of a Keras error without colours and without the arguments that it repeats."""
    message = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split("Arguments received by")[0]
    return " ".join(message.split())
