"""Convert Keras objects to a form that can be pickled: models to archives, other objects to descriptions."""

from __future__ import annotations

import copy
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

__all__ = ["Archive", "Description", "archive_model", "describe", "load_weights", "serialize_model"]

_FILE = "model.keras"


@dataclass(frozen=True, repr=False)
class Archive:
    """A model as it was when the estimator was created.

    Attributes:
        content: The content of a ``.keras`` file.
        custom_objects: Classes and functions that Keras needs to read it, by name.
    """

    content: bytes
    custom_objects: dict[str, Any]

    def __repr__(self) -> str:
        return f"a keras.Model in {len(self.content):,} bytes"

    def __call__(self) -> Any:
        """Return a new model with these weights, not compiled."""
        with tempfile.TemporaryDirectory(prefix="raydp-keras-") as folder:
            path = Path(folder, _FILE)
            path.write_bytes(self.content)
            # The safe mode would refuse functions in the model. It is the user's own, and was pickled anyway.
            return keras.models.load_model(path, custom_objects=self.custom_objects, compile=False, safe_mode=False)


@dataclass(frozen=True, repr=False)
class Description:
    """The class and configuration of an optimizer, loss or metric, without its variables.

    Attributes:
        kind: The class.
        configuration: What its ``from_config`` takes.
    """

    kind: type[Any]
    configuration: dict[str, Any]

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.configuration.items() if name != "name")
        return f"{self.kind.__name__}({given})"

    def __call__(self) -> Any:
        """Return a new object."""
        return self.kind.from_config(copy.deepcopy(self.configuration))


def archive_model(model: Any) -> Archive:
    """Return an archive of a model.

    Raises:
        NotImplementedError: Keras cannot save the model, because one of its classes has no ``get_config``.
    """
    found = [type(model), *(type(layer) for layer in model._flatten_layers(include_self=False))]  # noqa: SLF001
    classes = {kind.__name__: kind for kind in found if not kind.__module__.startswith("keras.")}
    return Archive(serialize_model(model), {**keras.saving.get_custom_objects(), **classes})


def describe(argument: Any) -> Any:
    """Return a description of a Keras object. Names, dictionaries and functions are returned as they are."""
    if isinstance(argument, keras.optimizers.Optimizer | keras.losses.Loss | keras.metrics.Metric):
        return Description(type(argument), argument.get_config())
    return argument


def serialize_model(model: Any) -> bytes:
    """Return a model as the content of a ``.keras`` file."""
    with tempfile.TemporaryDirectory(prefix="raydp-keras-") as folder:
        path = Path(folder, _FILE)
        model.save(path)
        return path.read_bytes()


def load_weights(model: Any, content: bytes) -> None:
    """Set the weights of a built model to those of a ``.keras`` file.

    Args:
        model: The model.
        content: The content of the file.
    """
    with tempfile.TemporaryDirectory(prefix="raydp-keras-") as folder:
        path = Path(folder, _FILE)
        path.write_bytes(content)
        model.load_weights(path)
