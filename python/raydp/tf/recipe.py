"""The user's Keras model, optimizer, loss and training options: check them, and create objects from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from raydp._configuration.suggestions import did_you_mean
from raydp.errors import InvalidArgumentError
from raydp.tf.archive import Description, archive_model, describe
from raydp.tf.inputs import ModelInputs

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from raydp._estimators.data.layout import Layout
    from raydp._estimators.frameworks import EpochOptions, InputOptions

__all__ = ["Recipe"]

_BINARY_LOSSES = ("BinaryCrossentropy", "BinaryFocalCrossentropy")
_SPARSE_LOSSES = ("SparseCategoricalCrossentropy",)
_METRICS_BY_LABELS = ("accuracy", "acc", "crossentropy", "ce")  # Keras chooses these metrics by the labels
_ONE_HOT_LOSSES = ("CategoricalCrossentropy", "CategoricalFocalCrossentropy")


@dataclass(frozen=True)
class Recipe:
    """Arguments of :class:`~raydp.tf.TFEstimator`, which documents them."""

    model: Any
    optimizer: Any
    loss: Any
    metrics: tuple[Any, ...]
    merge_features: bool | None
    epochs: EpochOptions
    input_options: InputOptions

    def check(self) -> Recipe:
        """Check the arguments, and return the recipe in a form that can be pickled.

        Raises:
            InvalidArgumentError: An argument is wrong.
        """
        self.epochs.check()
        if keras.backend.backend() != "tensorflow":
            raise InvalidArgumentError(
                "TFEstimator needs Keras with the TensorFlow backend. Before you import keras, unset KERAS_BACKEND or "
                f"correct ~/.keras/keras.json. Backend: {keras.backend.backend()}"
            )
        if not isinstance(self.model, keras.Model) and not callable(self.model):
            raise InvalidArgumentError(
                f"model must be a keras.Model or a function that creates one; got: {self.model!r}"
            )
        try:
            model = archive_model(self.model) if isinstance(self.model, keras.Model) else self.model
        except (NotImplementedError, TypeError, ValueError) as error:
            raise InvalidArgumentError(
                "Keras cannot save this model to send it to the workers. Add a get_config to its classes, or pass a "
                f"function that creates the model. Error: {error}"
            ) from error
        recipe = replace(
            self,
            model=model,
            optimizer=describe(self.optimizer() if isinstance(self.optimizer, type) else self.optimizer),
            loss=describe(self.loss),
            metrics=tuple(describe(metric) for metric in self.metrics),
        )
        for name, make in (("optimizer", recipe.make_optimizer), ("loss", recipe.make_loss)):
            if getattr(self, name) is None:
                raise InvalidArgumentError(f"{name} is missing; pass a Keras object, its name or its configuration")
            _check_creation(name, getattr(self, name), make)
        _check_creation("metrics", list(self.metrics), recipe.get_named_metrics)
        return recipe

    def get_named_metrics(self) -> list[Any]:
        """Return new metrics, without those that Keras chooses by the labels.

        Raises:
            ValueError: Keras has no metric of a name.
        """
        return [keras.metrics.get(metric) for metric in self.make_metrics() if metric not in _METRICS_BY_LABELS]

    def make_model(self, layout: Layout) -> Any:
        """Return a new model that has weights, from the archive or the user's function.

        Raises:
            InvalidArgumentError: The user's function returned something else.
        """
        model = self.model()
        if not isinstance(model, keras.Model):
            raise InvalidArgumentError(
                f"model must be a keras.Model or a function that creates one; the function returned: {model!r}"
            )
        model(self.inputs(np.zeros((2, layout.width), np.float32), layout))
        return model

    @cached_property
    def merges(self) -> bool:
        """Whether the model takes all features as one matrix."""
        if self.merge_features is not None:
            return self.merge_features
        return len(self.model_inputs.types) < 2  # none are known for a model of the user's own class

    @cached_property
    def model_inputs(self) -> ModelInputs:
        """The inputs of the model."""
        return ModelInputs.of(self.model())

    def make_optimizer(self) -> Any:
        """Return a new optimizer."""
        return self.optimizer() if isinstance(self.optimizer, Description) else keras.optimizers.get(self.optimizer)

    def make_loss(self) -> Callable[..., Any]:
        """Return a new loss: an object, or a function of (labels, outputs)."""
        made: Callable[..., Any] = self.loss() if isinstance(self.loss, Description) else keras.losses.get(self.loss)
        return made

    def make_metrics(self) -> list[Any]:
        """Return new metrics, or the names of those that the user named."""
        return [metric() if isinstance(metric, Description) else metric for metric in self.metrics]

    def inputs(self, features: NDArray[np.float32], layout: Layout) -> Any:
        """Return features, shape (rows, width), as the model takes them: one matrix, or a matrix for each column.

        Inputs that are named after columns get theirs. If no input is, they get the columns in order.
        """
        if self.merges:
            return self.model_inputs.convert_all(features, layout, self.input_options.shape)
        return self.model_inputs.convert_by_column(features, layout)

    def labels(self, positions: NDArray[np.float64], outputs: int, *, classes: bool) -> Any:
        """Return labels as the loss takes them: numbers, positions of classes, or one-hot rows.

        Args:
            positions: The labels, shape (rows,).
            outputs: Number of the model's outputs.
            classes: Whether the labels are positions of classes.
        """
        if self._is_one_of(_ONE_HOT_LOSSES):
            return keras.ops.one_hot(positions.astype(np.int64), outputs)
        dtype = np.int64 if classes and not self.is_binary else np.float32
        return keras.ops.convert_to_tensor(positions.astype(dtype))

    @property
    def is_binary(self) -> bool:
        """Whether the loss takes one output for two classes."""
        return self._is_one_of(_BINARY_LOSSES)

    @property
    def classifies(self) -> bool | None:
        """Whether the loss is for classification; ``None``: unknown."""
        return True if self._is_one_of((*_BINARY_LOSSES, *_SPARSE_LOSSES, *_ONE_HOT_LOSSES)) else None

    def probabilities(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Convert a classifier's outputs, shape (rows, outputs), to probabilities. The loss says if they are logits."""
        is_logit = getattr(self.make_loss(), "from_logits", False)
        if outputs.shape[1] == 1:
            return np.asarray(keras.ops.sigmoid(outputs[:, 0]) if is_logit else outputs[:, 0])
        return np.asarray(keras.ops.softmax(outputs) if is_logit else outputs)

    def _is_one_of(self, names: tuple[str, ...]) -> bool:
        loss = self.make_loss()
        own = {kind.__name__ for kind in type(loss).__mro__}
        # Keras names the function of a loss as its class, in lower case with underscores.
        function = getattr(loss, "__name__", "").replace("_", "")
        return any(name in own or name.lower() == function for name in names)


def _check_creation(name: str, given: Any, make: Callable[[], Any]) -> None:
    try:
        make()
    except (NotImplementedError, TypeError, ValueError) as error:
        nearest = "".join(_suggest(name, one) for one in (given if isinstance(given, list) else [given]))
        raise InvalidArgumentError(
            f"Keras cannot create this {name}. {nearest}If its class is your own, its get_config must return the "
            f"arguments of its constructor. Got: {given!r}; {error}"
        ) from error


def _suggest(name: str, given: object) -> str:
    """Return a suggestion for the name of an optimizer, a loss or a metric, if Keras has none of this name."""
    kinds = {"optimizer": "optimizers", "loss": "losses", "metrics": "metrics"}
    named = given.get("class_name") if isinstance(given, Mapping) else given
    module = getattr(keras, kinds[name])
    # A metric can also be a loss, and each has a class and a function.
    known = [one for one in (*dir(module), *(dir(keras.losses) if name == "metrics" else ())) if one[0] != "_"]
    return did_you_mean(named, known) if isinstance(named, str) and named not in known else ""
