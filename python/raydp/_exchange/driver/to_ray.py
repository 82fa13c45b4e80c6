"""A Spark DataFrame to a Ray Dataset."""

from __future__ import annotations

import functools
import itertools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
from pyspark.errors import PySparkValueError

from raydp._exchange.driver.driver_jvm import ExportRequest
from raydp._exchange.driver.export import AgentDiedError, Export, Exported, numbers
from raydp._exchange.driver.lineage import Lineage
from raydp._exchange.types.spark_types import arrow_schema
from raydp._exchange.types.tensor_columns import BlockForm
from raydp._ray.internals import dataset_of_blocks
from raydp.errors import UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pyarrow as pa
    from pyspark.sql import DataFrame
    from ray.data.dataset import MaterializedDataset

    from raydp._exchange.driver.directory import AgentDirectory
    from raydp._exchange.driver.driver_jvm import DriverJvm
    from raydp._exchange.driver.lineage import Lineages
    from raydp._exchange.types.tensor_columns import Shape

__all__ = ["ExportOptions", "dataframe_to_dataset"]

_logger = logging.getLogger(__name__)
# Of a conversion whose agents die.
_MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class ExportOptions:
    """How a DataFrame is to be converted.

    Attributes:
        num_blocks: Number of blocks wanted, or ``None``: as many as the data needs.
        block_bytes: Size that blocks aim at, bytes.
        timeout: Seconds without any progress after which the conversion gives up.
        progress: Whether to draw a bar; ``None``: when standard error is a terminal.
        tensor_columns: Columns to make tensor columns of; see
            :func:`~raydp._exchange.types.tensor_columns.chosen_tensors`.
        recoverable: Whether Spark makes blocks again that are lost with a node.
    """

    num_blocks: int | None
    block_bytes: int
    timeout: float
    progress: bool | None
    tensor_columns: Collection[str] | Mapping[str, Shape] | None
    recoverable: bool


def dataframe_to_dataset(
    df: DataFrame, options: ExportOptions, *, directory: AgentDirectory, jvm: DriverJvm, lineages: Lineages
) -> MaterializedDataset[Any]:
    """Run a DataFrame's plan and return its rows as a Dataset, in the order of its partitions.

    This process owns the blocks. When the conversion fails or is interrupted, the Spark job is
    cancelled and what had arrived is freed. When an agent dies on the way, it is begun anew, a bounded
    number of times: nothing has been handed out yet.

    Raises:
        InvalidArgumentError: The DataFrame has no columns, or several of the same name, or a column cannot become a
            tensor column.
        UnsupportedTypeError: A column has a type that cannot cross; no job was started.
        DataLossError: Rows of a tensor column differ in shape, or hold nulls.
        ExchangeError: The conversion failed on its way, e.g. because nodes died.
    """
    form = BlockForm.of(_schema_of(df), options.tensor_columns)
    for attempt in itertools.count(1):
        number = next(numbers)
        request = ExportRequest(
            export_id=number,
            application=directory.application,
            agents_dir=str(directory.folder),
            token=directory.token.hex(),
            block_bytes=options.block_bytes,
            num_blocks=options.num_blocks,
            timeout_s=round(options.timeout),
            keep_lineage=options.recoverable,
        )
        export = Export(number, form, df.sparkSession, recoverable=options.recoverable)
        try:
            exported = export.run(
                functools.partial(jvm.run_export, df, request),
                directory,
                jvm,
                options.timeout,
                progress=options.progress,
            )
        except AgentDiedError as error:
            if attempt == _MOST_ATTEMPTS:
                raise
            _logger.warning("A conversion is begun anew, attempt %d of %d: %s", attempt + 1, _MOST_ATTEMPTS, error)
            continue
        if options.recoverable:
            lineages.keep(Lineage.of(number, df.sparkSession, exported), [*exported.agents])
        return _dataset(exported)
    raise AssertionError("unreachable")


def _schema_of(df: DataFrame) -> pa.Schema:
    try:
        return arrow_schema(df.schema)
    except PySparkValueError as error:
        # Its types are behind the JVM's, which has for example timestamps of nanoseconds.
        raise UnsupportedTypeError(
            f"A column has a type that PySpark itself does not know. Cast it, a timestamp of nanoseconds for example "
            f"to TIMESTAMP_NTZ: {error}"
        ) from error


def _dataset(exported: Exported) -> MaterializedDataset[Any]:
    schema = exported.form.stored_schema()
    blocks = [block for partition in exported.partitions for block in partition]
    if not blocks:
        # Ray Data takes the schema from a block, so that a frame without rows needs an empty one.
        return dataset_of_blocks([ray.put(schema.empty_table())], [0], [0], schema)
    return dataset_of_blocks(
        [exported.ref(block) for block in blocks],
        [block.rows for block in blocks],
        [block.bytes for block in blocks],
        schema,
    )
