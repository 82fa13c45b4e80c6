"""Class labels: encode them as the numbers 0, 1, …, and decode predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raydp._estimators.data.layout import is_number, is_text
from raydp._estimators.data.statistics import MAX_CLASSES
from raydp.errors import InvalidDataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Classes", "are_class_labels", "check_label", "find_classes"]


@dataclass(frozen=True)
class Classes:
    """The classes of a classifier, sorted.

    Attributes:
        values: The labels.
    """

    values: pa.Array

    def __len__(self) -> int:
        return len(self.values)

    def encode(self, column: pa.ChunkedArray) -> NDArray[np.float64]:
        """Return the position of each label in the classes, shape (rows,).

        Raises:
            InvalidDataError: A label is not one of the classes.
        """
        try:
            positions = pc.index_in(column.cast(self.values.type), value_set=self.values)
        except pa.ArrowException as error:  # a label of another type, such as a text where the classes are numbers
            known = set(self.values.to_pylist())
            raise self._unknown([one for one in pc.unique(column).to_pylist() if one not in known]) from error
        if positions.null_count:
            raise self._unknown(pc.unique(column.filter(pc.is_null(positions))).to_pylist())
        return np.asarray(positions.to_numpy(), dtype=np.float64)

    def _unknown(self, labels: list[Any]) -> InvalidDataError:
        return InvalidDataError(f"The model was not trained with these labels: {labels[:5]}; its classes: {self}")

    def decode(self, positions: NDArray[Any]) -> pa.Array:
        """Return the labels at some positions."""
        return self.values.take(pa.array(positions.astype(np.int64)))

    def __str__(self) -> str:
        first = ", ".join(map(repr, self.values[:10].to_pylist()))
        return first if len(self) <= 10 else f"{first}, … ({len(self)})"


def are_class_labels(type_: pa.DataType) -> bool:
    """Return whether labels of a type can only be classes: strings and booleans."""
    return bool(is_text(type_) or pa.types.is_boolean(type_))


def check_label(label: str, type_: pa.DataType, *, classifies: bool) -> None:
    """Check that a label has a type to learn from.

    Args:
        label: Name of the label column.
        type_: Its Arrow type.
        classifies: Whether the labels are classes.

    Raises:
        InvalidDataError: It has not.
    """
    if not classifies and (are_class_labels(type_) or not is_number(type_)):
        raise InvalidDataError(
            "A regression needs a numeric label. Give the estimator an objective or a loss for classification, or "
            f"another label. Label {label}: {type_}"
        )
    if pa.types.is_nested(type_):
        raise InvalidDataError(
            "A class label must be a single value; index the arrays or structs, or select one of their fields. "
            f"Label {label}: {type_}"
        )


def find_classes(labels: set[Any], type_: pa.DataType, label: str, count: int | None = None) -> Classes:
    """Return the classes of some labels, sorted.

    Args:
        labels: The distinct labels.
        type_: Their Arrow type.
        label: Name of the label column.
        count: Number of classes that the user declared, or ``None``. If all labels are whole numbers from 0 to below
            it, all of these numbers are classes, including those that no row has.

    Raises:
        InvalidDataError: There is only one class, there are too many, or more than declared.
    """
    if len(labels) > MAX_CLASSES:
        raise InvalidDataError(
            "Each distinct label is a class, and there are too many of them; is this a regression? "
            f"Label {label}: more than {MAX_CLASSES}"
        )
    if len(labels) < 2:
        raise InvalidDataError(
            "A classifier needs rows of at least two classes; check the filters of the frame. "
            f"Label {label}: all {next(iter(labels), None)!r}"
        )
    if count is not None and all(isinstance(value, int | float) and 0 <= value < count for value in labels):
        labels = labels | set(range(count)) if all(float(value).is_integer() for value in labels) else labels
    if count is not None and len(labels) > count:
        raise InvalidDataError(
            f"The label has more classes than declared. Label {label}: {len(labels)}, declared: {count}"
        )
    return Classes(pa.array(sorted(labels), type_))
