"""The exchange's entry points in the driver JVM, as typed Python functions over Py4J."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

from py4j.protocol import Py4JJavaError

from raydp._exchange.driver.driver_calls import fields_of, partitions_of
from raydp._exchange.driver.jvm_errors import error_for
from raydp._spark import internals as _spark_internals
from raydp._spark.java_errors import describe, translated_errors
from raydp.errors import ExchangeError

if TYPE_CHECKING:
    from py4j.java_gateway import JVMView
    from pyspark.sql import DataFrame, SparkSession

    from raydp._exchange.driver.driver_calls import BlockOfPartition, ExportRequest, ScanRequest

__all__ = ["DriverJvm"]


class DriverJvm:
    """The entry points in the driver JVM, over Py4J; implements the protocol ``DriverCalls``.

    Args:
        jvm: The JVM.
    """

    def __init__(self, jvm: JVMView) -> None:
        self._jvm = jvm

    def export(self, df: DataFrame, request: ExportRequest) -> list[list[BlockOfPartition]]:
        """Run the Spark job of an export. Returns the blocks of each partition, in order."""
        with _python_errors():
            text = self._jvm.io.raydp.exchange.ExportJob.run(
                _spark_internals.java_dataframe(df), json.dumps(fields_of(request))
            )
        return partitions_of(text)

    def recompute(self, lineage_id: int, export_id: int, partitions: list[int]) -> list[list[BlockOfPartition]]:
        """Run the Spark job that recomputes partitions, as another export. Returns the blocks of each, in order."""
        try:
            with _python_errors():
                text = self._jvm.io.raydp.exchange.Lineages.recompute(lineage_id, export_id, json.dumps(partitions))
        except Py4JJavaError as error:
            raise ExchangeError(
                f"Spark could not recompute lost blocks. See the failed job in Spark's UI and the executors' logs: "
                f"{describe(error)}"
            ) from error
        return partitions_of(text)

    def forget_lineage(self, lineage_id: int) -> None:
        """Drop the plan of an export; an unknown id is no error."""
        with _python_errors():
            self._jvm.io.raydp.exchange.Lineages.forget(lineage_id)

    def cancel_export(self, spark: SparkSession, export_id: int) -> None:
        """Cancel an export, and return when it has ended. One that has not started yet never starts a job."""
        with _python_errors():
            self._jvm.io.raydp.exchange.ExportJob.cancel(_spark_internals.java_session(spark), export_id)

    def is_context_stopped(self, spark: SparkSession) -> bool:
        """Tell whether the session's ``SparkContext`` has stopped."""
        with _python_errors():
            return bool(_spark_internals.java_session(spark).sparkContext().isStopped())

    def dataframe_of_blocks(self, spark: SparkSession, request: ScanRequest) -> DataFrame:
        """Create a DataFrame over blocks. The JVM leases the Dataset while a plan can still read it."""
        with _python_errors():
            java_dataframe = self._jvm.io.raydp.exchange.RayBlocks.dataFrame(
                _spark_internals.java_session(spark), json.dumps(fields_of(request))
            )
        return _spark_internals.dataframe_of(java_dataframe, spark)

    def register_blocks(self, name: str, request: ScanRequest) -> None:
        """Give blocks a name in Spark SQL. The JVM leases the Dataset until it is unregistered and no plan reads it."""
        with _python_errors():
            self._jvm.io.raydp.exchange.RayBlocks.register(name, json.dumps(fields_of(request)))

    def unregister(self, name: str) -> bool:
        """Remove a name; ``False`` if it was not registered."""
        with _python_errors():
            return bool(self._jvm.io.raydp.exchange.RayBlocks.unregister(name))

    def registered(self) -> list[str]:
        """Return the names of all registered Datasets, sorted."""
        with _python_errors():
            return list(self._jvm.io.raydp.exchange.RayBlocks.registered())

    def await_released(self, timeout: float) -> list[int]:
        """Return the ids of leases that have ended, after at most ``timeout`` seconds."""
        return list(self._jvm.io.raydp.exchange.RayBlocks.awaitReleased(int(timeout * 1000)))

    def collect_garbage(self) -> None:
        """Make the JVM find leases that nothing refers to."""
        self._jvm.java.lang.System.gc()

    def release_all(self) -> None:
        """End all leases; running scans fail."""
        with _python_errors():
            self._jvm.io.raydp.exchange.RayBlocks.releaseAll()


_python_errors = functools.partial(translated_errors, error_for, no_answer=ExchangeError)
