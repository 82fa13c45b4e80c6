"""Which columns are features, label and weight, and which columns of the feature matrix each feature becomes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from raydp._configuration.suggestions import did_you_mean
from raydp.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.frames import Frame

__all__ = ["Layout", "check_columns", "check_types", "is_list", "is_number", "select_columns"]


@dataclass(frozen=True)
class Layout:
    """The columns that a model is trained with.

    Attributes:
        features: Names of the feature columns, in order.
        widths: How many columns of the feature matrix each becomes: 1, or the length of its arrays.
        label: Name of the label column, or ``None``.
        weight: Name of the weight column, or ``None``.
    """

    features: tuple[str, ...]
    widths: tuple[int, ...]
    label: str | None
    weight: str | None

    @property
    def width(self) -> int:
        """Number of columns of the feature matrix."""
        return sum(self.widths)

    @property
    def names(self) -> list[str]:
        """The names of the feature matrix's columns: the frame's, with ``_0``, ``_1``, … appended for arrays."""
        return [
            name if width == 1 else f"{name}_{index}"
            for name, width in zip(self.features, self.widths, strict=True)
            for index in range(width)
        ]

    def usable_names(self, forbidden: str) -> list[str] | None:
        """Return the names of the feature matrix's columns if a framework accepts all of them, otherwise ``None``.

        Names must differ even if white space is replaced by underscores, as frameworks do.

        Args:
            forbidden: Characters that the framework does not accept.
        """
        distinct = {re.sub(r"\s", "_", name) for name in self.names}
        usable = len(distinct) == self.width and not any(set(forbidden) & set(name) for name in distinct)
        return self.names if usable else None

    @property
    def columns(self) -> list[str]:
        """All columns that training reads: features, label and weight."""
        return [*self.features, *(name for name in (self.label, self.weight) if name is not None)]


def select_columns(frame: Frame, configuration: Configuration) -> tuple[list[str], list[str]]:
    """Select the columns of a frame to train on, and check that they exist and have usable types.

    No rows are computed.

    Returns:
        The feature columns, and the label and weight columns.

    Raises:
        InvalidDataError: A column is missing or is not numeric.
    """
    names = frame.column_names()
    others = [name for name in (configuration.label_column, configuration.weight_column) if name is not None]
    features = (
        [name for name in names if name not in others]
        if configuration.feature_columns is None
        else list(configuration.feature_columns)
    )
    if not features:
        raise InvalidDataError(
            f"The frame has no column to predict from, apart from the label and the weight. Its columns: {names}"
        )
    check_columns(frame, features, others, weight=configuration.weight_column)
    return features, others


def check_columns(
    frame: Frame, features: Sequence[str], others: Sequence[str] = (), *, weight: str | None = None
) -> None:
    """Check that columns exist, and that features and weight are numeric.

    Args:
        frame: The frame.
        features: The feature columns.
        others: Other columns that must exist.
        weight: The weight column, if there is one.

    Raises:
        InvalidDataError: A column is missing or is not numeric.
    """
    names = frame.column_names()
    missing = [name for name in [*features, *others] if name not in names]
    if missing:
        nearest = "".join(did_you_mean(name, names) for name in missing)
        raise InvalidDataError(
            "The frame lacks columns that the estimator needs; check their spelling and the frame's select. "
            f"{nearest}Missing: {', '.join(missing)}; the frame has: {', '.join(names) or 'none'}"
        )
    check_types(frame.schema([*features, *others]), features, weight=weight)


def check_types(schema: pa.Schema, features: Sequence[str], *, weight: str | None = None) -> None:
    """Check that features and weight are numeric; raises InvalidDataError if not.

    Args:
        schema: The types of the columns.
        features: The feature columns.
        weight: The weight column, if there is one.
    """
    wrong = [name for name in features if not _is_feature(schema.field(name).type)]
    if wrong:
        described = ", ".join(f"{name} ({schema.field(name).type})" for name in wrong)
        raise InvalidDataError(
            "Features must be numbers, booleans, ML vectors or arrays of numbers. Index or encode other columns first "
            "(StringIndexer, OneHotEncoder), or leave them out with feature_columns. "
            f"Not numeric: {described}"
        )
    if weight is not None and not is_number(schema.field(weight).type):
        raise InvalidDataError(f"The weight column must be numeric. Column {weight}: {schema.field(weight).type}")


def is_list(type_: pa.DataType) -> bool:
    """Return whether a column has several values per row, as arrays have."""
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(kind(type_) for kind in kinds)


def is_number(type_: pa.DataType) -> bool:
    """Return whether a column has a number or a boolean per row."""
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    return any(kind(type_) for kind in kinds)


def _is_feature(type_: pa.DataType) -> bool:
    # Arrow gives a column that has only nulls the type null. The policy for nulls decides about it later.
    return is_number(type_) or pa.types.is_null(type_) or (is_list(type_) and is_number(type_.value_type))
