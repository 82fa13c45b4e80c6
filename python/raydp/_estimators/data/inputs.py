"""What users give to an estimator, a Spark DataFrame, Ray Dataset or pandas frame, as blocks of Arrow data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray
import ray.data

from raydp._estimators.data.vectors import vectors_as_arrays
from raydp._exchange.types.spark_types import to_arrow_schema
from raydp._ray.internals import arrow_table, blocks_of_dataset
from raydp._session.conversions import classic_dataframe, from_spark
from raydp.errors import InvalidDataError, NotADataFrameError, RaydpError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from pyspark.sql import DataFrame

__all__ = ["Blocks", "Input", "PandasInput", "RayInput", "SparkInput", "StoredInput", "input_of"]


@dataclass(frozen=True)
class Blocks:
    """Rows in Ray's object store.

    Attributes:
        refs: References to blocks (Arrow tables or pandas frames), in order.
        schema: Arrow schema of the blocks; they may hold more columns than were asked for.
        bytes: Size of all blocks, ``None`` where Ray does not know.
    """

    refs: tuple[ray.ObjectRef[Any], ...]
    schema: pa.Schema
    bytes: int | None


class Input(ABC):
    """One frame, whatever it is."""

    @abstractmethod
    def column_names(self) -> list[str]:
        """Return the names of its columns, in order; nothing is computed."""

    @abstractmethod
    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """Return the Arrow types that some of its columns cross in; vectors are lists of doubles."""

    @abstractmethod
    def blocks(self, columns: Sequence[str]) -> Blocks:
        """Return its rows in Ray's object store, with at least these columns."""


class SparkInput(Input):
    """A Spark DataFrame."""

    def __init__(self, frame: DataFrame) -> None:
        self.frame = frame

    def column_names(self) -> list[str]:
        """Return the names of its columns."""
        return list(self.frame.columns)

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """Return the types in which columns cross to Ray; raises UnsupportedTypeError for those that cannot."""
        return to_arrow_schema(vectors_as_arrays(self.frame, columns).schema)

    def blocks(self, columns: Sequence[str]) -> Blocks:
        """Run the frame's plan once; only these columns cross."""
        return _blocks_of(from_spark(vectors_as_arrays(self.frame, columns)), columns)


class RayInput(Input):
    """A Ray Dataset."""

    def __init__(self, dataset: ray.data.Dataset) -> None:
        self.dataset = dataset

    def column_names(self) -> list[str]:
        """Return the names of its columns; a lazy Dataset that does not know them runs until its first block."""
        return list(self.dataset.columns() or ())

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """Return the Arrow types of columns."""
        found = self.dataset.schema()
        types = dict(zip(found.names, found.types, strict=True)) if found is not None else {}
        if all(isinstance(types.get(name), pa.DataType) for name in columns):
            return pa.schema([(name, types[name]) for name in columns])
        self.dataset = self.dataset.materialize()  # its blocks alone know their types
        whole = _blocks_of(self.dataset, columns).schema
        return pa.schema([whole.field(name) for name in columns])

    def blocks(self, columns: Sequence[str]) -> Blocks:
        """Execute the Dataset if that has not happened; the blocks of one that has been are used where they are."""
        if isinstance(self.dataset, ray.data.dataset.MaterializedDataset):
            return _blocks_of(self.dataset, columns)
        self.dataset = self.dataset.select_columns(list(columns)).materialize()
        return _blocks_of(self.dataset, columns)


class PandasInput(Input):
    """A pandas frame of this process."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def column_names(self) -> list[str]:
        """Return the names of its columns."""
        return [str(name) for name in self.frame.columns]

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """Return the Arrow types of columns."""
        return self.table(columns).schema

    def table(self, columns: Sequence[str]) -> pa.Table:
        """Return columns as an Arrow table.

        Raises:
            InvalidDataError: A column holds values that have no common Arrow type.
        """
        names = self.column_names()  # those of the frame need not be strings
        frame = self.frame.iloc[:, [names.index(name) for name in columns]].set_axis(list(columns), axis=1)
        try:
            return _without_categories(pa.Table.from_pandas(frame, preserve_index=False))
        except pa.ArrowException as error:
            raise InvalidDataError(
                "A column of the pandas frame holds values of mixed types, or objects that Arrow has no type for. "
                f"Convert it with DataFrame.astype first. {error}"
            ) from error

    def blocks(self, columns: Sequence[str]) -> Blocks:
        """Put the frame into the object store as one block."""
        table = self.table(columns)
        return Blocks((ray.put(table),), table.schema, table.nbytes)


class StoredInput(Input):
    """Rows that are in the object store already, for several fits on the same ones."""

    def __init__(self, names: Sequence[str], stored: Blocks) -> None:
        self._names = list(names)
        self._stored = stored

    def column_names(self) -> list[str]:
        """Return the names of its columns."""
        return self._names

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """Return the Arrow types of columns."""
        return pa.schema([self._stored.schema.field(name) for name in columns])

    def blocks(self, columns: Sequence[str]) -> Blocks:
        """Return the rows."""
        del columns
        return self._stored


def input_of(frame: Any) -> Input:
    """Return what a user gave as an input.

    Raises:
        NotADataFrameError: It is neither a Spark DataFrame nor a Ray Dataset nor a pandas frame.
        SessionError: It is a DataFrame of Spark Connect.
        InvalidDataError: Several columns have one name.
    """
    if isinstance(frame, Input):
        return frame
    found: Input
    if isinstance(frame, ray.data.Dataset):
        found = RayInput(frame)
    elif type(frame).__module__.startswith("pyspark."):
        found = SparkInput(classic_dataframe(frame))
    elif type(frame).__module__.startswith("pandas."):
        import pandas as pd

        if not isinstance(frame, pd.DataFrame):
            raise _not_a_frame(frame)
        found = PandasInput(frame)
    else:
        raise _not_a_frame(frame)
    names = found.column_names()
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidDataError(f"The frame has several columns of the same name; rename them: {', '.join(repeated)}")
    return found


def _not_a_frame(thing: Any) -> RaydpError:
    kind = type(thing)
    return NotADataFrameError(
        "An estimator takes a Spark DataFrame, a ray.data.Dataset or a pandas.DataFrame; "
        f"got {kind.__module__}.{kind.__qualname__}"
    )


def _without_categories(table: pa.Table) -> pa.Table:
    """Give categorical columns the type of their values."""
    types = [field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in table.schema]
    return table.cast(pa.schema(zip(table.column_names, types, strict=True)))


def _blocks_of(dataset: ray.data.Dataset, columns: Sequence[str]) -> Blocks:
    found = blocks_of_dataset(dataset)
    sizes = [size for size in found.sizes if size is not None]
    schema = found.schema
    if schema is None:
        schemas = [arrow_table(ray.get(ref)).schema for ref in found.refs[:1]]
        schema = schemas[0] if schemas else pa.schema([(name, pa.null()) for name in columns])
    return Blocks(tuple(found.refs), schema, sum(sizes) if len(sizes) == len(found.sizes) else None)
