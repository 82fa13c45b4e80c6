"""Features as a pandas frame, for models that select columns by name or that read strings and times themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from raydp._estimators.data.layout import is_list, is_text
from raydp._estimators.data.matrices import flatten_arrays, to_numbers

if TYPE_CHECKING:
    import pandas as pd

    from raydp._estimators.data.layout import Layout
    from raydp._estimators.data.vocabulary import Vocabulary

__all__ = ["build_feature_frame"]


def build_feature_frame(table: pa.Table, layout: Layout, *, fill: float | None = None) -> pd.DataFrame:
    """Return the features as a pandas frame, with the types that scikit-learn distinguishes.

    Whole numbers and booleans keep their types unless they have nulls, decimals become doubles, categories pandas'
    categories with the values of training, strings objects, and dates and timestamps ``datetime64``. Arrays become a
    column for each position. What is missing is NaN or NaT.

    Args:
        table: Contains the feature columns, as :func:`~.plain_columns.read_plain_columns` returns them.
        layout: The columns.
        fill: What replaces nulls and NaN in numbers; ``None``: nothing does.

    Raises:
        InvalidDataError: An array has a different length than in training.
    """
    import pandas as pd

    vocabularies = layout.vocabularies
    columns: list[Any] = []
    for index, (name, width) in enumerate(zip(layout.features, layout.widths, strict=True)):
        column = table.column(name)
        if name in vocabularies:
            columns.append(_to_categories(column, vocabularies[name]))
            continue
        if pa.types.is_null(column.type) and layout.types is not None and not is_list(layout.types.field(index).type):
            column = column.cast(layout.types.field(index).type)  # a block that lacks the column
        if is_list(column.type):
            columns.extend(_filled(values, fill) for values in flatten_arrays(column, name, width).T)
        else:
            columns.append(_to_values(column, fill))
    frame = pd.DataFrame(dict(enumerate(columns)), index=pd.RangeIndex(table.num_rows))
    return frame.set_axis(layout.names, axis=1)


def _to_categories(column: pa.ChunkedArray, vocabulary: Vocabulary) -> Any:
    import pandas as pd

    return pd.Categorical.from_codes(vocabulary.find_positions(column), categories=vocabulary.values.to_pandas())  # type: ignore[arg-type]


def _to_values(column: pa.ChunkedArray, fill: float | None) -> Any:
    type_ = column.type
    if is_text(type_):
        texts = column.to_pandas()
        return texts.where(texts.notna(), np.nan) if column.null_count else texts  # as pandas reads missing texts
    if pa.types.is_date(type_):
        return column.cast(pa.date32()).cast(pa.timestamp("s")).to_pandas()
    if pa.types.is_timestamp(type_):
        return column.to_pandas()
    if column.null_count == 0 and (pa.types.is_integer(type_) or pa.types.is_boolean(type_)):
        return column.to_numpy()
    return _filled(to_numbers(column), fill)


def _filled(values: Any, fill: float | None) -> Any:
    return values if fill is None else np.where(np.isnan(values), fill, values)
