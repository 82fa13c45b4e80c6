"""One application's end of the exchange, as the rest of the package sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from raydp._configuration import registry as _configuration
from raydp._exchange.driver.directory import AgentDirectory
from raydp._exchange.driver.driver_jvm import DriverJvm
from raydp._exchange.driver.lineage import Lineages
from raydp._exchange.driver.to_ray import ExportOptions, dataframe_to_dataset
from raydp._exchange.driver.to_spark import Blocks, HeldDatasets, Reading
from raydp._ray.internals import dataset_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from py4j.java_gateway import JVMView
    from pyspark.sql import DataFrame, SparkSession
    from ray import ObjectRef
    from ray.data import Dataset
    from ray.data.dataset import MaterializedDataset

    from raydp._exchange.types.tensor_columns import Shape

__all__ = ["Exchange"]


class Exchange:
    """Agents, conversions and held blocks of one application; safe for any thread.

    Nothing is started before the first conversion.

    Args:
        application_id: Id of the application.
        jvm: The driver's JVM.
        executor_nodes: Returns the Ray node ids (hex) that have executors now.
        await_change: Waits until the executors changed, or for the given seconds.
        settings: Spark configuration of the application.
    """

    def __init__(
        self,
        *,
        application_id: str,
        jvm: JVMView,
        executor_nodes: Callable[[], Iterable[str]],
        await_change: Callable[[float], None],
        settings: Mapping[str, str] | None = None,
    ) -> None:
        settings = settings or {}
        self._recoverable = _configuration.FAULT_TOLERANT.get(settings)
        self._block_bytes = _configuration.BLOCK_SIZE.get(settings)
        self._timeout = _configuration.EXCHANGE_TIMEOUT.get(settings)
        self._jvm = DriverJvm(jvm)
        self._directory = AgentDirectory(
            application_id,
            executor_nodes=executor_nodes,
            await_change=await_change,
            timeout=self._timeout,
        )
        self._held = HeldDatasets(self._directory, self._jvm)
        self._lineages = Lineages(self._directory, self._jvm, self._timeout)
        self._reading = Reading(self._held, self._directory, self._jvm, self._block_bytes, self._timeout)

    def to_dataset(
        self,
        df: DataFrame,
        *,
        num_blocks: int | None = None,
        progress: bool | None = None,
        tensor_columns: Collection[str] | Mapping[str, Shape] | None = None,
        recoverable: bool | None = None,
    ) -> MaterializedDataset[Any]:
        """Convert a DataFrame; see :func:`raydp.from_spark`.

        Args:
            df: The DataFrame.
            num_blocks: Number of blocks wanted.
            progress: Whether to draw a bar; ``None``: when standard error is a terminal.
            tensor_columns: Columns to make tensor columns of.
            recoverable: Whether Spark makes lost blocks again; ``None``: as the application was told.
        """
        options = ExportOptions(
            num_blocks,
            self._block_bytes,
            self._timeout,
            progress,
            tensor_columns,
            self._recoverable if recoverable is None else recoverable,
        )
        return dataframe_to_dataset(df, options, directory=self._directory, jvm=self._jvm, lineages=self._lineages)

    def dataset_to_dataframe(self, spark: SparkSession, dataset: Dataset) -> DataFrame:
        """Convert a Dataset; see :func:`raydp.to_spark`."""
        return self._reading.dataframe(spark, _blocks_of(dataset))

    def register(self, dataset: Dataset, name: str) -> None:
        """Let queries read a Dataset under a name; see :func:`raydp.register`."""
        self._reading.register(name, _blocks_of(dataset))

    def unregister(self, name: str) -> bool:
        """Take a name back; ``False`` when it was none."""
        return self._reading.unregister(name)

    def registered(self) -> list[str]:
        """Return the names of all registered Datasets, sorted."""
        return self._jvm.registered()

    def blocks_to_dataframe(
        self, spark: SparkSession, schema: Any, blocks: Sequence[ObjectRef[Any]], *, locations: Any = None
    ) -> DataFrame:
        """Convert blocks of a Dataset.

        Args:
            spark: The session.
            schema: Arrow schema of the blocks; anything else means that the blocks are asked.
            blocks: References to Arrow tables or pandas frames.
            locations: Not needed; Ray is asked where the blocks are.
        """
        del locations
        found = Blocks(list(blocks), schema if isinstance(schema, pa.Schema) else None)
        return self._reading.dataframe(spark, found)

    def held_blocks(self) -> list[ObjectRef[Any]]:
        """Return references to all blocks that DataFrames of this application read."""
        return self._held.references()

    def counters(self) -> list[dict[str, int]]:
        """Return what each agent holds, for tests and diagnosis; see ``ExchangeAgent.counters``."""
        return self._directory.counters()

    def close(self) -> None:
        """End the agents and drop the blocks of DataFrames; Datasets that were made stay. Idempotent."""
        self._lineages.close()
        self._held.close()
        self._directory.close()


def _blocks_of(dataset: Dataset) -> Blocks:
    found = dataset_blocks(dataset)
    return Blocks(found.refs, found.schema, found.rows, found.sizes)
