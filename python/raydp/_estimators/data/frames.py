"""The frames that users give an estimator (Spark DataFrame, Ray Dataset, pandas), as blocks in Ray's object store."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray
import ray.data
from ray.data.dataset import MaterializedDataset

from raydp._estimators.data.block_tasks import map_blocks
from raydp._estimators.data.derivations import DATASET, PANDAS, SPARK, Derivations
from raydp._estimators.data.plain_columns import find_common_types, find_dictionaries, read_plain_columns
from raydp._estimators.data.vectors import select_vectors_as_arrays
from raydp._exchange.types.spark_types import to_arrow_schema
from raydp._ray.internals import arrow_table, blocks_of_dataset, without_placeholder
from raydp._ray.pandas_blocks import with_dense_columns
from raydp._session.conversions import from_spark, spark_dataframe
from raydp.errors import InvalidDataError, NotADataFrameError, RaydpError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from pyspark.sql import DataFrame

__all__ = ["DatasetFrame", "Frame", "PandasFrame", "SparkFrame", "StoredBlocks", "StoredFrame", "wrap_frame"]


@dataclass(frozen=True)
class StoredBlocks:
    """A frame's rows in Ray's object store.

    Attributes:
        refs: References to the blocks (Arrow tables or pandas frames), in order.
        schema: The types of the requested columns over all blocks. A block may lack some of them, and have others.
        bytes: Size of all blocks; ``None`` if Ray does not know it.
        categories: The columns that the frame itself calls categories: pandas' and Arrow's dictionaries.
    """

    refs: tuple[ray.ObjectRef[Any], ...]
    schema: pa.Schema
    bytes: int | None
    categories: frozenset[str] = frozenset()


class Frame(ABC):
    """A frame of any kind.

    Attributes:
        derivations: How a user makes other columns in it.
    """

    derivations: Derivations

    @abstractmethod
    def column_names(self) -> list[str]:
        """Return the names of the columns, in order, without computing rows."""

    @abstractmethod
    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """Return the Arrow types that some columns have in the blocks. ML vectors are lists of doubles."""

    @abstractmethod
    def store(self, columns: Sequence[str]) -> StoredBlocks:
        """Put the rows into Ray's object store, with at least these columns."""


class SparkFrame(Frame):
    """A Spark DataFrame."""

    derivations = SPARK

    def __init__(self, dataframe: DataFrame) -> None:
        self.dataframe = dataframe

    @property
    def ignores_case(self) -> bool:
        """Whether the session takes two names for the same column if they differ only in case."""
        return self.dataframe.sparkSession.conf.get("spark.sql.caseSensitive", "false") != "true"

    def column_names(self) -> list[str]:
        """Return the names of the columns."""
        return list(self.dataframe.columns)

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """Return the Arrow types of columns. Raises UnsupportedTypeError for a type that Ray cannot store."""
        return to_arrow_schema(select_vectors_as_arrays(self.dataframe, columns).schema)

    def store(self, columns: Sequence[str]) -> StoredBlocks:
        """Run the DataFrame's plan once and store these columns."""
        return DatasetFrame(from_spark(select_vectors_as_arrays(self.dataframe, columns))).store(columns)


class DatasetFrame(Frame):
    """A Ray Dataset."""

    derivations = DATASET

    def __init__(self, dataset: ray.data.Dataset) -> None:
        self.dataset = dataset

    def column_names(self) -> list[str]:
        """Return the names of the columns. A lazy Dataset that does not know them runs until its first block."""
        if isinstance(self.dataset, MaterializedDataset):
            return list(dict.fromkeys(name for schema, _ in self._described.schemas for name in schema.names))
        return list(self.dataset.columns() or ())

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """Return the Arrow types of columns. Those of a lazy Dataset are its first block's, if that has them all."""
        if not isinstance(self.dataset, MaterializedDataset):
            found = self.dataset.schema()
            types = dict(zip(found.names, found.types, strict=True)) if found is not None else {}
            if all(_is_decided(types.get(name)) for name in columns):
                return find_common_types([(pa.schema([(name, types[name]) for name in columns]), None)], columns)
            self.dataset = self.dataset.materialize()
        return find_common_types(self._described.schemas, columns)

    def store(self, columns: Sequence[str]) -> StoredBlocks:
        """Execute the Dataset, or return the blocks that it already has."""
        if not isinstance(self.dataset, MaterializedDataset):
            self.dataset = self.dataset.select_columns(list(columns)).materialize()
        described = self._described
        types = find_common_types(described.schemas, columns)
        return StoredBlocks(described.refs, types, described.bytes, find_dictionaries(described.schemas, columns))

    @functools.cached_property
    def _described(self) -> _DescribedBlocks:
        """The blocks, after the Dataset is materialized."""
        return _DescribedBlocks.of(self.dataset)


class PandasFrame(Frame):
    """A pandas DataFrame in this process."""

    derivations = PANDAS

    def __init__(self, dataframe: pd.DataFrame) -> None:
        self.dataframe = dataframe

    def column_names(self) -> list[str]:
        """Return the names of the columns."""
        return [str(name) for name in self.dataframe.columns]

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """Return the Arrow types of columns."""
        return find_common_types([(self.table(columns).schema, None)], columns)

    def table(self, columns: Sequence[str]) -> pa.Table:
        """Return columns as an Arrow table.

        Raises:
            InvalidDataError: The values of a column have no common Arrow type.
        """
        names = self.column_names()  # as strings, which names in pandas need not be
        frame = self.dataframe.iloc[:, [names.index(name) for name in columns]].set_axis(list(columns), axis=1)
        try:
            return read_plain_columns(pa.Table.from_pandas(with_dense_columns(frame), preserve_index=False), columns)
        except pa.ArrowException as error:
            raise InvalidDataError(
                "A column of the pandas frame has values of mixed types, or objects for which Arrow has no type. "
                f"Convert it with DataFrame.astype first. Error: {error}"
            ) from error

    def store(self, columns: Sequence[str]) -> StoredBlocks:
        """Put the frame into the object store as one block."""
        table = self.table(columns)
        types = find_common_types([(table.schema, None)], columns)
        return StoredBlocks((ray.put(table),), types, table.nbytes, self._find_categories())

    def _find_categories(self) -> frozenset[str]:
        import pandas as pd

        types = zip(self.column_names(), self.dataframe.dtypes, strict=True)
        return frozenset(name for name, type_ in types if isinstance(type_, pd.CategoricalDtype))


class StoredFrame(Frame):
    """A frame that is already in the object store, for several fits on the same rows."""

    def __init__(self, names: Sequence[str], stored: StoredBlocks, derivations: Derivations) -> None:
        self.derivations = derivations
        self._names = list(names)
        self._stored = stored

    def column_names(self) -> list[str]:
        """Return the names of the columns."""
        return self._names

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """Return the Arrow types of columns."""
        return pa.schema([self._stored.schema.field(name) for name in columns])

    def store(self, columns: Sequence[str]) -> StoredBlocks:
        """Return the blocks, with all columns."""
        del columns
        return self._stored


def wrap_frame(frame: Any) -> Frame:
    """Return what a user gave as a :class:`Frame`.

    Raises:
        NotADataFrameError: It is not a Spark DataFrame, a Ray Dataset or a pandas DataFrame.
        InvalidDataError: Several columns have the same name.
    """
    if isinstance(frame, Frame):
        return frame
    found: Frame
    if isinstance(frame, ray.data.Dataset):
        found = DatasetFrame(frame)
    elif type(frame).__module__.startswith("pyspark."):
        found = SparkFrame(spark_dataframe(frame))
    elif type(frame).__module__.startswith("pandas."):
        import pandas as pd

        if not isinstance(frame, pd.DataFrame):
            raise _not_a_frame(frame)
        found = PandasFrame(frame)
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


def _is_decided(type_: Any) -> bool:
    return isinstance(type_, pa.DataType) and not pa.types.is_null(type_)


@dataclass(frozen=True)
class _DescribedBlocks:
    """The blocks of a Dataset in Ray's object store.

    Attributes:
        refs: References to the blocks, in order.
        schemas: The Arrow schema and the number of rows of each; ``None``: unknown.
        bytes: Size of all blocks; ``None`` if Ray does not know it.
    """

    refs: tuple[ray.ObjectRef[Any], ...]
    schemas: list[tuple[pa.Schema, int | None]]
    bytes: int | None

    @classmethod
    def of(cls, dataset: ray.data.Dataset) -> _DescribedBlocks:
        """Describe the blocks of a Dataset, after reading those of which Ray does not know the schema."""
        found = blocks_of_dataset(dataset)
        sizes = [size for size in found.sizes if size is not None]
        total = sum(sizes) if len(sizes) == len(found.sizes) else None
        unknown = [ref for ref, schema in zip(found.refs, found.schemas, strict=True) if schema is None]
        read = iter(map_blocks(_schema_of, unknown, total, name="raydp: schemas of the rows"))
        schemas = [next(read) if schema is None else schema for schema in found.schemas]
        return cls(tuple(found.refs), list(zip(schemas, found.rows, strict=True)), total)


def _schema_of(block: object) -> pa.Schema:
    return without_placeholder(arrow_table(block).schema)
