"""Warn of columns that hardly repeat a value: a model can learn them by heart, and nothing from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp._configuration.program_warnings import warn_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raydp._estimators.data.statistics import Statistics

__all__ = ["warn_of_identifiers"]

# H2O Driverless AI takes a column with more than 95 % distinct values for an identifier and drops it
# (max_relative_cardinality). AutoGluon drops it above 99 % (DropUniqueFeatureGenerator).
_MOST_DISTINCT_VALUES = 0.95
# scikit-learn warns of more classes than half of the rows, if there are more than 20 (type_of_target).
_MOST_DISTINCT_LABELS = 0.5
_FEWEST_ROWS = 20


def warn_of_identifiers(statistics: Statistics, categories: Sequence[str], label: str | None) -> None:
    """Warn once of all columns in which almost every row has a value of its own.

    Args:
        statistics: What is known about the rows.
        categories: The feature columns that are learned as categories.
        label: The label column if its values are classes, otherwise ``None``.
    """
    rows = sum(statistics.rows)
    known = {name: rows - statistics.missing.get(name, 0) for name in categories}
    found = [
        f"{name} has {len(statistics.values[name]):,} different values in {count:,} rows"
        for name, count in known.items()
        if count > _FEWEST_ROWS and len(statistics.values[name]) > _MOST_DISTINCT_VALUES * count
    ]
    if found:
        warn_program(
            "Almost every row has a category of its own, which says nothing about new rows. If this is an identifier, "
            "a name or a text, leave it out with feature_columns, or derive features from it first (a part of it, its "
            f"length, FeatureHasher). {'; '.join(found)}"
        )
    if label is not None and rows > _FEWEST_ROWS and len(statistics.values[label]) > _MOST_DISTINCT_LABELS * rows:
        warn_program(
            "Each distinct label is a class, and most classes have one or two rows to learn from. If the labels are "
            "numbers in strings, cast them to double and train a regression. "
            f"Label {label}: {len(statistics.values[label]):,} classes in {rows:,} rows"
        )
