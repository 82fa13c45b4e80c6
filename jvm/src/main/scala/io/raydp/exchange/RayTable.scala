package io.raydp.exchange

import java.util

import org.apache.spark.sql.connector.catalog.{SupportsRead, TableCapability}
import org.apache.spark.sql.connector.read.ScanBuilder
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.util.CaseInsensitiveStringMap

/** A Ray Dataset as a table. Holds the Dataset's lease. */
private[exchange] final class RayTable(val dataset: RayDataset, lease: DatasetLease) extends SupportsRead {
  override def name(): String = s"ray dataset ${dataset.id}"

  // Spark derives Table.columns, the successor of this method, from it.
  override def schema(): StructType = dataset.schema

  override def capabilities(): util.Set[TableCapability] = util.EnumSet.of(TableCapability.BATCH_READ)
  override def newScanBuilder(options: CaseInsensitiveStringMap): ScanBuilder = new RayScanBuilder(dataset, lease)
}
