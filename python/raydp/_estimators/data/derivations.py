"""How to make features from columns that a model cannot learn, with the functions of the frame's own library."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ANY_FRAME", "DATASET", "PANDAS", "SPARK", "Derivations"]


@dataclass(frozen=True)
class Derivations:
    """What to call, for a message.

    Attributes:
        times: Makes numbers from dates and timestamps.
        texts: Encodes strings.
        others: Makes columns from structs and intervals.
    """

    times: str
    texts: str
    others: str


ANY_FRAME = Derivations(
    "year, month, day of the week, hour, seconds since another time", "one column for each value", "a field of a struct"
)
SPARK = Derivations(
    "F.year, F.month, F.dayofweek, F.hour, F.unix_timestamp, F.datediff",
    "StringIndexer, OneHotEncoder",
    "with getField from a struct and date_diff from times",
)
PANDAS = Derivations(
    "column.dt.year, .dt.month, .dt.dayofweek, .dt.hour, (column - start).dt.total_seconds()",
    "pandas.get_dummies",
    "with pandas.json_normalize from dictionaries and .dt.total_seconds() from intervals",
)
_IN_BATCHES = 'with map_batches(…, batch_format="pandas")'
DATASET = Derivations(
    f"{_IN_BATCHES}: column.dt.year, .dt.month, .dt.dayofweek, .dt.hour, (column - start).dt.total_seconds()",
    "OneHotEncoder of ray.data.preprocessors",
    f"{_IN_BATCHES}, a column for each field of a struct",
)
