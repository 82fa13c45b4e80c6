"""Keras objects as something that can be pickled: models as archives, the rest as configurations."""

from __future__ import annotations

import copy
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

__all__ = ["Archive", "Described", "archive_of", "described", "load_weights", "model_bytes"]

_FILE = "model.keras"


@dataclass(frozen=True)
class Archive:
    """A model as it was when the estimator was made.

    Attributes:
        content: A ``.keras`` file.
        known: Classes and functions that Keras must be told of to read it, by name.
    """

    content: bytes
    known: dict[str, Any]

    def __call__(self) -> Any:
        """Return a new model, not compiled, with the weights of then."""
        with tempfile.TemporaryDirectory(prefix="raydp-keras-") as folder:
            path = Path(folder, _FILE)
            path.write_bytes(self.content)
            # The user's own model, in the process or pickled, so that its functions are no more dangerous than those.
            return keras.models.load_model(path, custom_objects=self.known, compile=False, safe_mode=False)


@dataclass(frozen=True)
class Described:
    """An optimizer, loss or metric by class and configuration: without variables, which belong to one process.

    Attributes:
        kind: The class.
        configuration: What its ``from_config`` takes.
    """

    kind: type[Any]
    configuration: dict[str, Any]

    def __call__(self) -> Any:
        """Return a new one."""
        return self.kind.from_config(copy.deepcopy(self.configuration))


def archive_of(model: Any) -> Archive:
    """Return a model as an archive.

    Raises:
        NotImplementedError: Keras cannot save it, since a class in it has no ``get_config``.
    """
    found = [type(model), *(type(layer) for layer in model._flatten_layers(include_self=False))]  # noqa: SLF001
    classes = {kind.__name__: kind for kind in found if not kind.__module__.startswith("keras.")}
    return Archive(model_bytes(model), {**keras.saving.get_custom_objects(), **classes})


def described(thing: Any) -> Any:
    """Return a Keras object as a description of it; names, dictionaries and functions are themselves."""
    if isinstance(thing, keras.optimizers.Optimizer | keras.losses.Loss | keras.metrics.Metric):
        return Described(type(thing), thing.get_config())
    return thing


def model_bytes(model: Any) -> bytes:
    """Return a model as the content of a ``.keras`` file."""
    with tempfile.TemporaryDirectory(prefix="raydp-keras-") as folder:
        path = Path(folder, _FILE)
        model.save(path)
        return path.read_bytes()


def load_weights(model: Any, content: bytes) -> None:
    """Give a built model the weights of a ``.keras`` file."""
    with tempfile.TemporaryDirectory(prefix="raydp-keras-") as folder:
        path = Path(folder, _FILE)
        path.write_bytes(content)
        model.load_weights(path)
