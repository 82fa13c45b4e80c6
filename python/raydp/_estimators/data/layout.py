"""Which columns are features, label and weight, and how features lie in a matrix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from raydp.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.inputs import Input

__all__ = ["Layout", "check_columns", "columns_of", "is_list", "is_number", "stored_type"]


@dataclass(frozen=True)
class Layout:
    """The columns of a fitted model.

    Attributes:
        features: Names of the feature columns, in order.
        widths: How many numbers each gives: 1, or the length of its arrays.
        label: Name of the label column, or ``None``.
        weight: Name of the weight column, or ``None``.
    """

    features: tuple[str, ...]
    widths: tuple[int, ...]
    label: str | None
    weight: str | None

    @property
    def width(self) -> int:
        """Columns of the feature matrix."""
        return sum(self.widths)

    @property
    def names(self) -> list[str]:
        """One name per column of the feature matrix: the column's, or ``column_0``, ``column_1``… for arrays."""
        return [
            name if width == 1 else f"{name}_{index}"
            for name, width in zip(self.features, self.widths, strict=True)
            for index in range(width)
        ]

    def names_without(self, forbidden: str) -> list[str] | None:
        """Return the names if a framework can use them, otherwise ``None``.

        Args:
            forbidden: Characters that must not be in them. No two may be alike, with spaces as underlines.
        """
        alike = {re.sub(r"\s", "_", name) for name in self.names}
        usable = len(alike) == self.width and not any(set(forbidden) & set(name) for name in alike)
        return self.names if usable else None

    @property
    def columns(self) -> list[str]:
        """All columns that training reads."""
        return [*self.features, *(name for name in (self.label, self.weight) if name is not None)]


def columns_of(frame: Input, configuration: Configuration) -> tuple[list[str], list[str]]:
    """Choose the columns of a frame to train on and check that they are there and have fitting types.

    Returns:
        The feature columns, and those of label and weight.

    Raises:
        InvalidDataError: A column is missing, or is not of numbers; nothing was computed.
    """
    names = frame.column_names()
    others = [name for name in (configuration.label_column, configuration.weight_column) if name is not None]
    features = (
        [name for name in names if name not in others]
        if configuration.feature_columns is None
        else list(configuration.feature_columns)
    )
    if not features:
        raise InvalidDataError(f"The frame has no column to predict from beside the label; its columns: {names}")
    check_columns(frame, features, others, weight=configuration.weight_column)
    return features, others


def check_columns(
    frame: Input, features: Sequence[str], others: Sequence[str] = (), *, weight: str | None = None
) -> None:
    """Check that columns are there and that those of features hold numbers.

    Raises:
        InvalidDataError: They are not there, or do not.
    """
    names = frame.column_names()
    missing = [name for name in [*features, *others] if name not in names]
    if missing:
        raise InvalidDataError(
            "The frame lacks columns that the estimator needs; check their spelling, or what was selected before. "
            f"Missing: {', '.join(missing)}; there are: {', '.join(names) or 'none'}"
        )
    schema = frame.schema([*features, *others])
    wrong = [name for name in features if not _is_feature(schema.field(name).type)]
    if wrong:
        described = ", ".join(f"{name} ({schema.field(name).type})" for name in wrong)
        raise InvalidDataError(
            "Features must be numbers, booleans, or ML vectors or arrays of numbers. Index or encode other columns "
            "first (StringIndexer, OneHotEncoder), or leave them out with feature_columns. "
            f"Not numeric: {described}"
        )
    if weight is not None and not is_number(schema.field(weight).type):
        raise InvalidDataError(f"The weight column must hold numbers; {weight} is {schema.field(weight).type}")


def is_list(type_: pa.DataType) -> bool:
    """Tell whether a column gives several values per row; tensors of one shape do."""
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(kind(stored_type(type_)) for kind in kinds)


def stored_type(type_: pa.DataType) -> pa.DataType:
    """Return what a type is stored as; of Ray's tensor columns, lists."""
    return type_.storage_type if isinstance(type_, pa.BaseExtensionType) else type_


def is_number(type_: pa.DataType) -> bool:
    """Tell whether a column holds a number, or a boolean, per row."""
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    return any(kind(type_) for kind in kinds)


def _is_feature(type_: pa.DataType) -> bool:
    # A column of nothing but nulls has no better type; the policy about nulls decides about it.
    return is_number(type_) or pa.types.is_null(type_) or (is_list(type_) and is_number(stored_type(type_).value_type))
