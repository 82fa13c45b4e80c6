"""Training and prediction with Keras, in one worker of several."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from raydp._estimators.frameworks.networks import ROWS_PER_SCORE, NetworkLearner
from raydp.errors import InvalidDataError
from raydp.tf.archive import load_weights, model_bytes
from raydp.tf.recipe import Recipe
from raydp.tf.replicas import Replicas
from raydp.tf.run import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.frameworks.learner import Part, Trained

__all__ = ["TFLearner"]


@dataclass(frozen=True)
class TFLearner(NetworkLearner[Recipe]):
    """Keras with what the user gave.

    Attributes:
        recipe: Model, optimizer, loss and how to train.
        layout: The columns that it is bound to.
    """

    framework: ClassVar[str] = "tf"
    file_name: ClassVar[str] = "model.keras"

    recipe: Recipe
    layout: Layout | None = None

    @property
    def identity(self) -> str:
        """Describes the shapes of the model and the numbers of the recipe; functions have no lasting description."""
        assert self.layout is not None  # what is trained is bound
        r = self.recipe
        shapes = [tuple(weight.shape) for weight in r.make_model(self.layout).weights]
        optimizer = keras.optimizers.serialize(r.make_optimizer())
        return repr((shapes, optimizer, r.merges, r.epochs))

    def bound(self, layout: Layout) -> TFLearner:
        """Return a learner that knows the columns."""
        return replace(self, layout=layout)

    def _outputs(self, layout: Layout) -> int:
        try:
            model = self.recipe.make_model(layout)
            outputs = model(self.recipe.inputs(np.zeros((2, layout.width), np.float32), layout))
            model_bytes(model)  # better now than after the last epoch
        except (ValueError, TypeError, KeyError, NotImplementedError, tf.errors.OpError) as error:
            form = f"(rows, {layout.width})" if self.recipe.merges else "a matrix for each column, by name,"
            raise InvalidDataError(
                "The model does not take the features, or cannot be saved: look at the shape of its input, and "
                f"whether merge_feature_columns is as it should be. Features: {form} of float32, from "
                f"{', '.join(layout.features[:20])}; {_first_words(error)}"
            ) from error
        if not hasattr(outputs, "shape"):
            raise InvalidDataError(
                f"The model must have one output, of shape (rows, outputs); it gives a {type(outputs).__name__}"
            )
        return 1 if len(outputs.shape) == 1 else int(outputs.shape[1])

    def trainer(self, workers: int) -> Any:
        """Return Ray Train's trainer for TensorFlow."""
        del workers
        from ray.train.tensorflow import TensorflowTrainer

        return TensorflowTrainer

    def train(self, part: Part) -> Trained | None:
        """Train, going on from the last checkpoint if there is one."""
        # Ray Train asks for Keras 2 in its workers; the functions of users mean the Keras of their driver.
        os.environ.pop("TF_USE_LEGACY_KERAS", None)
        tf.config.threading.set_intra_op_parallelism_threads(part.threads)
        tf.config.threading.set_inter_op_parallelism_threads(part.threads)
        replicas = Replicas(part.workers, part.rank)
        if part.configuration.seed is not None:
            keras.utils.set_random_seed(part.configuration.seed)
        return Run(self.recipe, part, replicas).result()

    def load(self, model: bytes) -> keras.Model:
        """Return the model, not compiled."""
        assert self.layout is not None  # trained models come from bound learners
        made = self.recipe.make_model(self.layout)
        load_weights(made, model)
        return made

    def score(self, model: keras.Model, features: NDArray[Any], classes: Classes | None) -> NDArray[Any]:
        """Return probabilities or values; on a GPU if this process has one."""
        assert self.layout is not None
        pieces = []
        for start in range(0, max(len(features), 1), ROWS_PER_SCORE):
            piece = features[start : start + ROWS_PER_SCORE]
            outputs = np.asarray(model(self.recipe.inputs(piece, self.layout), training=False), np.float32)
            pieces.append(outputs[:, None] if outputs.ndim == 1 else outputs)
        outputs = np.concatenate(pieces)
        scores = outputs if classes is None else self.recipe.probabilities(outputs)
        return np.asarray(scores[:, 0] if scores.ndim == 2 and scores.shape[1] == 1 else scores)


def _first_words(error: Exception) -> str:
    """Return what Keras says, without colours and the arguments that it repeats."""
    words = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split("Arguments received by")[0]
    return " ".join(words.split())
