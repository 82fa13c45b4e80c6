"""Class labels as the numbers 0, 1, …, and predictions as labels again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raydp._estimators.data.statistics import MOST_CLASSES
from raydp.errors import InvalidDataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Classes", "are_class_labels", "classes_of"]


@dataclass(frozen=True)
class Classes:
    """The classes of a classifier, in order.

    Attributes:
        values: The labels, all of one Arrow type.
    """

    values: pa.Array

    def __len__(self) -> int:
        return len(self.values)

    def encode(self, column: pa.ChunkedArray) -> NDArray[np.float64]:
        """Return the position of each label among the classes.

        Raises:
            InvalidDataError: A label is none of the classes.
        """
        positions = pc.index_in(column.cast(self.values.type), value_set=self.values)
        if positions.null_count:
            unknown = pc.unique(column.filter(pc.is_null(positions))).to_pylist()
            raise InvalidDataError(
                f"Labels are none of the classes that the model was trained with: {unknown[:5]}; classes: {self}"
            )
        return np.asarray(positions.to_numpy(), dtype=np.float64)

    def decode(self, positions: NDArray[Any]) -> pa.Array:
        """Return the labels at positions."""
        return self.values.take(pa.array(positions.astype(np.int64)))

    def __str__(self) -> str:
        some = ", ".join(map(repr, self.values[:10].to_pylist()))
        return some if len(self) <= 10 else f"{some}, … ({len(self)})"


def are_class_labels(type_: pa.DataType) -> bool:
    """Tell whether labels of a type can only be classes."""
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_boolean(type_))


def classes_of(labels: set[Any], type_: pa.DataType, label: str, count: int | None = None) -> Classes:
    """Return the classes that labels stand for, sorted.

    Args:
        labels: The distinct labels.
        type_: Their Arrow type.
        label: Name of the column.
        count: Number of classes that the user stated; whole numbers below it are classes as they are.

    Raises:
        InvalidDataError: There is one class only, there are too many to be classes, or more than stated.
    """
    if len(labels) > MOST_CLASSES:
        raise InvalidDataError(
            "A classifier needs a label with a class per distinct value, and this has too many; is it a regression? "
            f"Label {label}: more than {MOST_CLASSES}"
        )
    if len(labels) < 2:
        raise InvalidDataError(
            "A classifier needs rows of at least two classes; check the filter that the rows went through. "
            f"Label {label}: all {next(iter(labels), None)!r}"
        )
    if count is not None and all(isinstance(value, int | float) and 0 <= value < count for value in labels):
        labels = labels | set(range(count)) if all(float(value).is_integer() for value in labels) else labels
    if count is not None and len(labels) > count:
        raise InvalidDataError(f"The label has more classes than stated: {label} has {len(labels)}, stated: {count}")
    return Classes(pa.array(sorted(labels), type_))
