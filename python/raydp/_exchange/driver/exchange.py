"""The exchange of one application: what the rest of the package calls to convert DataFrames and Datasets."""

from __future__ import annotations

import contextlib
import json
import re
import weakref
from typing import TYPE_CHECKING, Any

import ray
from pyspark.errors import PySparkValueError
from pyspark.sql.types import StructType

from raydp._configuration import registry
from raydp._exchange.driver.block_descriptions import describe_blocks
from raydp._exchange.driver.directory import AgentDirectory
from raydp._exchange.driver.driver_calls import ExportRequest, ScanRequest
from raydp._exchange.driver.exchange_context import ExchangeContext
from raydp._exchange.driver.export_job import ExportPlan, export_with_retries
from raydp._exchange.driver.leases import DatasetLeases
from raydp._exchange.driver.lineages import Lineage, Lineages
from raydp._exchange.types.spark_types import to_arrow_schema, to_spark_schema
from raydp._exchange.types.tensor_columns import BlockForm
from raydp._exchange.waits import ExchangeWaits
from raydp._ray.internals import dataset_of_blocks
from raydp.errors import UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession
    from ray.data.dataset import MaterializedDataset

    from raydp._exchange.driver.driver_calls import DriverCalls
    from raydp._exchange.driver.exchange_host import ExchangeHost
    from raydp._exchange.driver.export_job import ExportedBlocks
    from raydp._exchange.types.tensor_columns import Shape
    from raydp._ray.internals import Blocks

__all__ = ["Exchange"]

_TIMES_ENABLED = "spark.sql.timeType.enabled"
_TIME_IN_JSON = re.compile(r'"(?:type|elementType|keyType|valueType)":"time\(')


class Exchange:
    """Agents, conversions, leases and lineages of one application; safe for any thread.

    It starts nothing before the first conversion.

    Args:
        application_id: Id of the application.
        jvm: The entry points in the driver JVM.
        host: The application.
        settings: Spark configuration of the application.
        can_call_ray: Tells whether this process is still in the application's cluster, and the cluster is not lost.
        find_loss: Returns which of Ray's own processes is gone, for a message; ``None`` if nothing is.

    Attributes:
        directory: The agents.
        leases: The Datasets that Spark can read.
        lineages: What is kept to recompute lost blocks.
    """

    def __init__(
        self,
        *,
        application_id: str,
        jvm: DriverCalls,
        host: ExchangeHost,
        settings: Mapping[str, str],
        can_call_ray: Callable[[], bool],
        find_loss: Callable[[], str | None],
    ) -> None:
        waits = ExchangeWaits.of_settings(settings)
        self.directory = AgentDirectory(application_id, host=host, waits=waits, can_call_ray=can_call_ray)
        self._context = ExchangeContext(
            directory=self.directory,
            host=host,
            jvm=jvm,
            waits=waits,
            block_bytes=registry.EXCHANGE_BLOCK_SIZE.get(settings),
            keep_lineage=registry.EXCHANGE_FAULT_TOLERANT.get(settings),
            progress=registry.progress(settings),
            find_loss=find_loss,
            relay_port=registry.EXCHANGE_RELAY_PORT.get(settings),
        )
        self.leases = DatasetLeases(self._context)
        self.lineages = Lineages(self._context)

    def from_spark(
        self,
        df: DataFrame,
        *,
        num_blocks: int | None = None,
        tensor_columns: Collection[str] | Mapping[str, Shape] | None = None,
        keep_lineage: bool | None = None,
    ) -> MaterializedDataset[Any]:
        """Run a DataFrame's plan and return its rows as a Dataset, in the order of its partitions.

        This process owns the blocks. If the conversion fails or is interrupted, the Spark job is cancelled and the
        stored blocks are freed.

        Args:
            df: The DataFrame.
            num_blocks: Number of blocks; ``None``: as many as the data needs.
            tensor_columns: Columns to convert to tensor columns; see
                :func:`~raydp._exchange.types.tensor_columns.choose_tensors`.
            keep_lineage: Whether Spark recomputes lost blocks; ``None``: what the application's settings say.

        Raises:
            InvalidArgumentError: The DataFrame has no columns, or two of the same name, or a column cannot become a
                tensor column.
            UnsupportedTypeError: A column's type is not supported; no job was started.
            DataLossError: Rows of a tensor column differ in shape, or hold nulls.
            ExchangeError: The conversion failed, for example because nodes were lost.
        """
        context = self._context
        keep = context.keep_lineage if keep_lineage is None else keep_lineage
        agents = context.agent_address()
        plan = ExportPlan(
            purpose="from_spark",
            spark=df.sparkSession,
            form=BlockForm.of(_schema_of(df), tensor_columns),
            keep_lineage=keep,
            run_spark_job=lambda export_id: context.jvm.export(
                df, ExportRequest(agents, export_id, context.block_bytes, num_blocks, keep)
            ),
        )
        exported = export_with_retries(context, plan)
        if keep:
            self.lineages.keep(Lineage.of(exported, df.sparkSession), exported.agents)
        return _dataset_of(exported)

    def to_spark(self, spark: SparkSession, blocks: Blocks) -> DataFrame:
        """Return a DataFrame that reads blocks where they are, each time it is used.

        Raises:
            InvalidArgumentError: There are neither blocks nor a schema, no columns, or two columns of the same name.
            UnsupportedTypeError: Spark has no type for a column.
            ExchangeError: The blocks' schema is unknown, and they could not be read for it.
        """
        with self._lease(blocks) as request:
            _check_times(spark, request.schema)
            df = self._context.jvm.dataframe_of_blocks(spark, request)
        weakref.finalize(df, self.leases.note_dropped_reader).atexit = False
        return df

    def register(self, name: str, blocks: Blocks) -> None:
        """Give blocks a name in Spark SQL; raises the errors of :meth:`to_spark`."""
        with self._lease(blocks) as request:
            self._context.jvm.register_blocks(name, request)
        self.leases.note_dropped_reader()  # the name may have been another Dataset's

    def unregister(self, name: str) -> bool:
        """Remove a name; ``False`` if it was not registered."""
        known = self._context.jvm.unregister(name)
        self.leases.note_dropped_reader()
        return known

    def registered(self) -> list[str]:
        """Return the names of all registered Datasets, sorted."""
        return self._context.jvm.registered()

    def close(self) -> None:
        """End the agents and drop the blocks of DataFrames. Datasets stay readable. Idempotent."""
        with contextlib.ExitStack() as parts:  # each of them also if another one fails
            parts.callback(self.directory.close)
            parts.callback(self.leases.close)
            parts.callback(self.lineages.close)

    @contextlib.contextmanager
    def _lease(self, blocks: Blocks) -> Iterator[ScanRequest]:
        """Hold blocks, from before the JVM leases them, in the body of the ``with``, until the lease ends."""
        schema, sources = describe_blocks(self._context, blocks)
        dataset = self.leases.hold(blocks.refs, schema)
        try:
            yield ScanRequest(
                agents=self._context.agent_address(),
                dataset=dataset,
                schema=to_spark_schema(schema).json(),
                segment_bytes=self._context.block_bytes,
                blocks=sources,
            )
        except BaseException:
            self.leases.release(dataset)
            raise
        self.leases.release_when_unused()


def _schema_of(df: DataFrame) -> pa.Schema:
    try:
        schema = to_arrow_schema(df.schema)
    except PySparkValueError as error:
        # PySpark lacks some of the JVM's types, for example timestamps with nanoseconds.
        raise UnsupportedTypeError(
            f"A column has a type that PySpark itself does not know. Cast it, a timestamp of nanoseconds for example "
            f"to TIMESTAMP_NTZ: {error}"
        ) from error
    _check_times(df.sparkSession, df.schema.json())
    return schema


def _check_times(spark: SparkSession, schema: str) -> None:
    """Refuse times of day where Spark's own readers and writers do."""
    if _TIME_IN_JSON.search(schema) and spark.conf.get(_TIMES_ENABLED, "false") != "true":
        raise UnsupportedTypeError(
            f"A column holds times of day, and Spark's type for them is off. Set {_TIMES_ENABLED} to true in the "
            f"session, or drop the column: {StructType.fromJson(json.loads(schema)).simpleString()}"
        )


def _dataset_of(exported: ExportedBlocks) -> MaterializedDataset[Any]:
    schema = exported.form.stored_schema()
    blocks = [block for partition in exported.partitions for block in partition]
    if not blocks:
        # Ray Data takes the schema from a block, so a Dataset without rows needs an empty one.
        return dataset_of_blocks([ray.put(schema.empty_table())], [0], [0], schema)
    return dataset_of_blocks(
        [exported.ref(block) for block in blocks],
        [block.rows for block in blocks],
        [block.bytes for block in blocks],
        schema,
    )
