"""How a Keras model is to be made and trained: what the user gave, checked, and what is made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from raydp.errors import InvalidArgumentError
from raydp.tf.archive import Described, archive_of, described

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from raydp._estimators.data.layout import Layout
    from raydp._estimators.frameworks.epochs import Epochs

__all__ = ["Recipe"]

_BINARY_LOSSES = ("BinaryCrossentropy", "BinaryFocalCrossentropy")
_SPARSE_LOSSES = ("SparseCategoricalCrossentropy",)
_METRICS_BY_LABELS = ("accuracy", "acc", "crossentropy", "ce")  # Keras chooses the metric by the labels
_ONE_HOT_LOSSES = ("CategoricalCrossentropy", "CategoricalFocalCrossentropy")


@dataclass(frozen=True)
class Recipe:
    """What :class:`~raydp.tf.TFEstimator` was given; see there."""

    model: Any
    optimizer: Any
    loss: Any
    metrics: tuple[Any, ...]
    merge_features: bool | None
    epochs: Epochs

    def checked(self) -> Recipe:
        """Return the recipe in a form that can be pickled.

        Raises:
            InvalidArgumentError: Something in it is wrong.
        """
        self.epochs.check()
        if keras.backend.backend() != "tensorflow":
            raise InvalidArgumentError(
                "TFEstimator needs Keras on TensorFlow; unset KERAS_BACKEND, or correct ~/.keras/keras.json, before "
                f"keras is imported. Keras uses: {keras.backend.backend()}"
            )
        if not isinstance(self.model, keras.Model) and not callable(self.model):
            raise InvalidArgumentError(
                f"model must be given, as a keras.Model or a function that makes one; got: {self.model!r}"
            )
        try:
            model = archive_of(self.model) if isinstance(self.model, keras.Model) else self.model
        except (NotImplementedError, TypeError, ValueError) as error:
            raise InvalidArgumentError(
                "Keras cannot save this model, which a model that goes to workers must bear: give its classes a "
                f"get_config, or give a function that makes it as model. {error}"
            ) from error
        recipe = replace(
            self,
            model=model,
            optimizer=described(self.optimizer),
            loss=described(self.loss),
            metrics=tuple(described(metric) for metric in self.metrics),
        )
        for name, make in (("optimizer", recipe.make_optimizer), ("loss", recipe.make_loss)):
            if getattr(self, name) is None:
                raise InvalidArgumentError(f"{name} must be given, as an object of Keras, its name or configuration")
            _tried(name, getattr(self, name), make)
        made = lambda: [keras.metrics.get(one) for one in recipe.make_metrics() if one not in _METRICS_BY_LABELS]  # noqa: E731
        _tried("metrics", list(self.metrics), made)
        return recipe

    def make_model(self, layout: Layout) -> Any:
        """Return a model that has its weights: the user's own, or a new one.

        Raises:
            InvalidArgumentError: The user's function made something else.
        """
        model = self.model()
        if not isinstance(model, keras.Model):
            raise InvalidArgumentError(f"model must be a keras.Model or a function that makes one; it made: {model!r}")
        model(self.inputs(np.zeros((2, layout.width), np.float32), layout))
        return model

    @cached_property
    def merges(self) -> bool:
        """Whether the model is given all features as one matrix."""
        if self.merge_features is not None:
            return self.merge_features
        inputs = getattr(self.model(), "inputs", None)  # not known of classes of the user's own
        return inputs is None or len(inputs) == 1

    def make_optimizer(self) -> Any:
        """Return a new optimizer."""
        return self.optimizer() if isinstance(self.optimizer, Described) else keras.optimizers.get(self.optimizer)

    def make_loss(self) -> Callable[..., Any]:
        """Return the loss as Keras takes it: an object, or a function of (labels, outputs)."""
        made: Callable[..., Any] = self.loss() if isinstance(self.loss, Described) else keras.losses.get(self.loss)
        return made

    def make_metrics(self) -> list[Any]:
        """Return new metrics, or their names."""
        return [metric() if isinstance(metric, Described) else metric for metric in self.metrics]

    def inputs(self, features: NDArray[np.float32], layout: Layout) -> Any:
        """Return a matrix of features as the model takes it: whole, or as a matrix for each column."""
        if self.merges:
            return keras.ops.convert_to_tensor(features)
        bounds = np.cumsum([0, *layout.widths])
        return {
            name: keras.ops.convert_to_tensor(features[:, low:high])
            for name, low, high in zip(layout.features, bounds, bounds[1:], strict=False)
        }

    def labels(self, positions: NDArray[np.float64], outputs: int, *, classes: bool) -> Any:
        """Return labels as the loss takes them: numbers, positions of classes, or a row of 0 and 1 for each.

        Args:
            positions: Labels, shape (rows,).
            outputs: Of the model.
            classes: Whether the labels are positions of classes.
        """
        if self._is_one_of(_ONE_HOT_LOSSES):
            return keras.ops.one_hot(positions.astype(np.int64), outputs)
        dtype = np.int64 if classes and not self.is_binary else np.float32
        return keras.ops.convert_to_tensor(positions.astype(dtype))

    @property
    def is_binary(self) -> bool:
        """Whether the loss is of one output for two classes."""
        return self._is_one_of(_BINARY_LOSSES)

    @property
    def classifies(self) -> bool | None:
        """Whether the loss is one of classification; ``None``: not known."""
        return True if self._is_one_of((*_BINARY_LOSSES, *_SPARSE_LOSSES, *_ONE_HOT_LOSSES)) else None

    def probabilities(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Turn a classifier's outputs, shape (rows, outputs), into probabilities; the loss knows if they are logits."""
        is_logit = getattr(self.make_loss(), "from_logits", False)
        if outputs.shape[1] == 1:
            return np.asarray(keras.ops.sigmoid(outputs[:, 0]) if is_logit else outputs[:, 0])
        return np.asarray(keras.ops.softmax(outputs) if is_logit else outputs)

    def _is_one_of(self, names: tuple[str, ...]) -> bool:
        loss = self.make_loss()
        own = {kind.__name__ for kind in type(loss).__mro__}
        # The function of a loss is its class's name in lower case, with underscores.
        function = getattr(loss, "__name__", "").replace("_", "")
        return any(name in own or name.lower() == function for name in names)


def _tried(name: str, given: Any, make: Callable[[], Any]) -> None:
    try:
        make()
    except (NotImplementedError, TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"Keras cannot make this {name}; a class of your own needs a get_config with the arguments of its "
            f"constructor. Got: {given!r}; {error}"
        ) from error
