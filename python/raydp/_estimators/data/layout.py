"""Which columns are features, label and weight, and which columns of the feature matrix each feature becomes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from raydp._configuration.suggestions import did_you_mean
from raydp._estimators.data.derivations import ANY_FRAME
from raydp.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.derivations import Derivations
    from raydp._estimators.data.frames import Frame
    from raydp._estimators.data.vocabulary import Vocabulary

__all__ = [
    "Accepted",
    "Layout",
    "check_columns",
    "check_trained_columns",
    "check_types",
    "is_list",
    "is_number",
    "is_text",
    "is_time",
    "select_columns",
]


@dataclass(frozen=True)
class Accepted:
    """What a framework learns from, in addition to numbers, booleans and arrays of them.

    Attributes:
        texts: Strings.
        times: Dates and timestamps.
    """

    texts: bool = False
    times: bool = False


@dataclass(frozen=True)
class Layout:
    """The columns that a model is trained with.

    Attributes:
        features: Names of the feature columns, in order.
        widths: How many columns of the feature matrix each becomes: 1, the length of its arrays, or with one-hot
            encoding the number of its categories.
        label: Name of the label column, or ``None``.
        weight: Name of the weight column, or ``None``.
        categories: The columns that are categories, each with its vocabulary.
        types: The types of the features in training; ``None``: all of them are numbers.
        as_frame: Whether the framework gets the features as a pandas frame, and not as a matrix.
    """

    features: tuple[str, ...]
    widths: tuple[int, ...]
    label: str | None
    weight: str | None
    categories: tuple[tuple[str, Vocabulary], ...] = ()
    types: pa.Schema | None = None
    as_frame: bool = False

    @property
    def vocabularies(self) -> dict[str, Vocabulary]:
        """The vocabularies of the columns that are categories, by name."""
        return dict(self.categories)

    @property
    def width(self) -> int:
        """Number of columns of the feature matrix."""
        return sum(self.widths)

    @property
    def names(self) -> list[str]:
        """The names of the feature matrix's columns: the frame's, with ``_0``, ``_1``, … appended for arrays.

        A column of a one-hot encoding is called ``name=category``.
        """
        vocabularies = self.vocabularies
        return [
            f"{name}={vocabularies[name].values[index]}"
            if name in vocabularies and vocabularies[name].encoding == "one_hot"
            else name
            if width == 1
            else f"{name}_{index}"
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


def select_columns(
    frame: Frame,
    configuration: Configuration,
    accepted: Accepted = Accepted(),  # noqa: B008  (immutable)
) -> tuple[list[str], list[str]]:
    """Select the columns of a frame to train on, and check that they exist and have usable types.

    No rows are computed.

    Args:
        frame: The frame.
        configuration: Names the columns.
        accepted: What the framework learns from.

    Returns:
        The feature columns, and the label and weight columns.

    Raises:
        InvalidDataError: A column is missing or has a type from which the framework cannot learn.
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
    unknown = [name for name in configuration.categorical_columns if name not in features]
    if unknown:
        others_of_them = [name for name in features if name not in configuration.categorical_columns]
        nearest = "".join(did_you_mean(name, others_of_them) for name in unknown)
        raise InvalidDataError(
            f"categorical_columns must be feature columns. {nearest}Not among them: {', '.join(unknown)}; "
            f"the feature columns: {', '.join(features)}"
        )
    check_columns(frame, features, others, weight=configuration.weight_column, accepted=accepted)
    return features, others


def check_columns(
    frame: Frame,
    features: Sequence[str],
    others: Sequence[str] = (),
    *,
    weight: str | None = None,
    accepted: Accepted = Accepted(),  # noqa: B008  (immutable)
) -> None:
    """Check that columns exist, that the framework can learn from the features, and that the weight is numeric.

    Args:
        frame: The frame.
        features: The feature columns.
        others: Other columns that must exist.
        weight: The weight column, if there is one.
        accepted: What the framework learns from.

    Raises:
        InvalidDataError: A column is missing, or its type is wrong.
    """
    _check_names(frame, [*features, *others])
    types = frame.schema([*features, *others])
    check_types(types, features, weight=weight, accepted=accepted, derivations=frame.derivations)


def check_trained_columns(frame: Frame, layout: Layout, others: Sequence[str] = ()) -> None:
    """Check that the columns of a model exist, and that they have types like those in training.

    Args:
        frame: The frame.
        layout: The columns of the model.
        others: Other columns that must exist.

    Raises:
        InvalidDataError: A column is missing, or its type is wrong.
    """
    _check_names(frame, [*layout.features, *others])
    schema = frame.schema([*layout.features, *others])
    changed = [
        f"{name} ({trained} in training, {found})"
        for name, trained in ([] if layout.types is None else zip(layout.types.names, layout.types.types, strict=True))
        if not pa.types.is_null(found := schema.field(name).type)
        and (is_text(trained), is_time(trained)) != (is_text(found), is_time(found))
    ]
    if changed:
        raise InvalidDataError(
            "Features must have the types that they had in training. Cast them, or train with these types. "
            f"Changed: {', '.join(changed)}"
        )
    weight = layout.weight if layout.weight in others else None
    accepted = Accepted() if layout.types is None else Accepted(texts=True, times=True)
    check_types(schema, layout.features, weight=weight, accepted=accepted, derivations=frame.derivations)


def _check_names(frame: Frame, columns: Sequence[str]) -> None:
    names = frame.column_names()
    missing = [name for name in columns if name not in names]
    if missing:
        unused = [name for name in names if name not in columns]
        nearest = "".join(did_you_mean(name, unused) for name in missing)
        raise InvalidDataError(
            "The frame lacks columns that the estimator needs; check their spelling and the frame's select. "
            f"{nearest}Missing: {', '.join(missing)}; the frame has: {', '.join(names) or 'none'}"
        )


def check_types(
    schema: pa.Schema,
    features: Sequence[str],
    *,
    weight: str | None = None,
    accepted: Accepted = Accepted(),  # noqa: B008  (immutable)
    derivations: Derivations = ANY_FRAME,
) -> None:
    """Check that the framework can learn from the features, and that the weight is numeric.

    Args:
        schema: The types of the columns.
        features: The feature columns.
        weight: The weight column, if there is one.
        accepted: What the framework learns from.
        derivations: How to make features from other columns, for the message.

    Raises:
        InvalidDataError: A type is wrong.
    """
    types = {name: schema.field(name).type for name in features}
    times = [name for name, type_ in types.items() if is_time(type_)]
    if times and not accepted.times:
        raise InvalidDataError(
            "A date or timestamp is not a feature by itself: only you know whether the model should see the hour, the "
            f"day of the week or the time since an event. Derive numbers from it first ({derivations.times}), or "
            f"leave it out with feature_columns. Dates and timestamps: {_describe(types, times)}"
        )
    texts = [name for name, type_ in types.items() if is_text(type_)]
    wrong = [
        name for name, type_ in types.items() if not (_is_number_or_array(type_) or name in texts or name in times)
    ]
    if wrong:
        raise InvalidDataError(
            "Features must be numbers, booleans, strings, ML vectors or arrays of numbers. Derive such columns from "
            f"others first, for example {derivations.others}, or leave them out with feature_columns. "
            f"Not numeric: {_describe(types, wrong)}"
        )
    if texts and not accepted.texts:
        raise InvalidDataError(
            f"This model learns from numbers only. Encode strings first ({derivations.texts}; for "
            "scikit-learn, an encoder in a ColumnTransformer), or leave them out with feature_columns. "
            f"Not numeric: {_describe(types, texts)}"
        )
    if weight is not None and not is_number(schema.field(weight).type):
        raise InvalidDataError(f"The weight column must be numeric. Column {weight}: {schema.field(weight).type}")


def is_list(type_: pa.DataType) -> bool:
    """Return whether a column has several values per row, as arrays have."""
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(kind(type_) for kind in kinds)


def is_text(type_: pa.DataType) -> bool:
    """Return whether a column has a string per row."""
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))


def is_time(type_: pa.DataType) -> bool:
    """Return whether a column has a date or a timestamp per row."""
    return bool(pa.types.is_date(type_) or pa.types.is_timestamp(type_))


def is_number(type_: pa.DataType) -> bool:
    """Return whether a column has a number or a boolean per row."""
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    return any(kind(type_) for kind in kinds)


def _describe(types: dict[str, pa.DataType], names: Sequence[str]) -> str:
    return ", ".join(f"{name} ({types[name]})" for name in names)


def _is_number_or_array(type_: pa.DataType) -> bool:
    # Arrow gives a column that has only nulls the type null. The policy for nulls decides about it later.
    while is_list(type_):
        type_ = type_.value_type
        if pa.types.is_null(type_):
            return False
    return is_number(type_) or pa.types.is_null(type_)
