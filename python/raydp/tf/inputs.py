"""Convert feature matrices to what the inputs of a Keras model take: matrices, images, codes or strings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf

from raydp.errors import InvalidDataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raydp._estimators.data.layout import Layout
    from raydp._estimators.data.vocabulary import Vocabulary

__all__ = ["InputType", "ModelInputs"]

_UNKNOWN = "[UNK]"  # as Keras' StringLookup calls it


@dataclass(frozen=True)
class InputType:
    """What one input of a model takes.

    Attributes:
        shape: The shape for one row; ``None``: unknown, take it as it is.
        dtype: The type of its numbers, or ``"string"``.
    """

    shape: tuple[int, ...] | None = None
    dtype: str = "float32"

    @property
    def is_integer(self) -> bool:
        """Whether it takes whole numbers, as an embedding does."""
        return self.dtype.startswith(("int", "uint"))

    def convert(self, part: NDArray[Any], columns: list[tuple[str, Vocabulary | None]]) -> Any:
        """Return columns of the feature matrix as the input takes them.

        Args:
            part: The columns, shape (rows, width).
            columns: The columns of the frame that they come from.

        Raises:
            InvalidDataError: The input takes strings, and a column has none.
        """
        if self.dtype == "string":
            tensor = tf.constant(np.column_stack([_decode(part[:, [i]], *one) for i, one in enumerate(columns)]))
        else:
            tensor = keras.ops.convert_to_tensor(part, self.dtype if self.is_integer else None)
        if self.shape is None or math.prod(self.shape) != part.shape[1]:
            return tensor  # if the model does not accept it, the error of Keras names both shapes
        return tf.reshape(tensor, (len(part), *self.shape))


@dataclass(frozen=True)
class ModelInputs:
    """The inputs of a model.

    Attributes:
        types: What each of them takes, by name, in order; empty for a model of the user's own class.
        takes_list: Whether the model takes a list, and not a dictionary.
    """

    types: tuple[tuple[str, InputType], ...]
    takes_list: bool

    @classmethod
    def of(cls, model: Any) -> Self:
        """Return the inputs of a model."""
        tensors = getattr(model, "inputs", None) or []
        given = model.input if len(tensors) > 1 else None
        named = given if isinstance(given, dict) else {tensor.name: tensor for tensor in tensors}
        types = tuple((name, _type_of(tensor)) for name, tensor in named.items())
        return cls(types, len(tensors) > 1 and not isinstance(given, dict))

    def find_type(self, column: str) -> InputType | None:
        """Return what the input of a column takes, before the order of the columns is known; ``None``: unknown."""
        types = dict(self.types)
        if column in types:
            return types[column]
        texts = [one for one in types.values() if one.dtype == "string"]
        return texts[0] if texts else None

    def convert_all(self, features: NDArray[Any], layout: Layout, shape: tuple[int, ...] | None) -> Any:
        """Return the whole matrix as the only input.

        Args:
            features: The feature matrix.
            layout: Its columns.
            shape: The shape for one row that the user stated; ``None``: the input has one.
        """
        own = self.types[0][1] if self.types else InputType()
        vocabularies = layout.vocabularies
        columns = [(name, vocabularies.get(name)) for name in layout.features]
        return InputType(shape or own.shape, own.dtype).convert(features, columns)

    def convert_by_column(self, features: NDArray[Any], layout: Layout) -> Any:
        """Return the columns for the inputs with their names. If no input is named so, they come in order."""
        types = dict(self.types)
        by_position = self.takes_list and len(types) == len(layout.features) and not types.keys() & set(layout.features)
        if by_position:
            types = dict(zip(layout.features, types.values(), strict=True))
        bounds, vocabularies = np.cumsum([0, *layout.widths]), layout.vocabularies
        converted = {
            name: types.get(name, InputType()).convert(features[:, low:high], [(name, vocabularies.get(name))])
            for name, low, high in zip(layout.features, bounds, bounds[1:], strict=False)
        }
        return list(converted.values()) if by_position else converted


def _type_of(tensor: Any) -> InputType:
    shape = tuple(tensor.shape)[1:]
    return InputType(None if None in shape else shape, str(tensor.dtype))


def _decode(codes: NDArray[Any], name: str, vocabulary: Vocabulary | None) -> NDArray[Any]:
    if vocabulary is None or vocabulary.encoding != "codes":
        raise InvalidDataError(
            "An input of the model takes strings, and this column has numbers. Name it in categorical_columns, or "
            f"change the input's dtype. Column: {name}"
        )
    positions = codes[:, 0].astype(np.int64) - 1
    texts = vocabulary.values.take(pa.array(positions, mask=positions < 0)).cast(pa.string())
    return np.asarray(texts.fill_null(_UNKNOWN).to_numpy(zero_copy_only=False), dtype=object)
