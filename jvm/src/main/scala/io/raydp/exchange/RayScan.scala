package io.raydp.exchange

import java.util.OptionalLong

import io.raydp.exchange.Classic.SparkSession
import org.apache.spark.sql.connector.read._
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types.StructType

/** Collects which columns and how many rows of a Dataset a query needs. */
private[exchange] final class RayScanBuilder(dataset: RayDataset, lease: DatasetLease) extends ScanBuilder
    with SupportsPushDownRequiredColumns with SupportsPushDownLimit {
  private var columns = dataset.schema
  private var limit: Option[Long] = None

  override def pruneColumns(required: StructType): Unit =
    columns = ColumnPruning.pruned(dataset.schema, required)

  // Every task stops at the limit; Spark still limits the rows of all tasks together.
  override def pushLimit(rows: Int): Boolean = {
    limit = Some(rows.toLong)
    true
  }

  override def isPartiallyPushed: Boolean = true
  override def build(): Scan = new RayScan(dataset, lease, columns, limit)
}

/** Reads some columns and rows of a Dataset. Holds the Dataset's lease. */
private[exchange] final class RayScan(
    dataset: RayDataset,
    lease: DatasetLease,
    columns: StructType,
    limit: Option[Long]) extends Scan with Batch with SupportsReportStatistics {

  /** The leading blocks that can hold the limit's rows; without a limit or row counts, all blocks. */
  private lazy val blocks: IndexedSeq[DatasetBlock] = limit.fold(dataset.blocks) { rows =>
    val before = dataset.blocks.scanLeft(0L)((sum, block) => sum + block.rows.getOrElse(0L))
    dataset.blocks.zip(before).takeWhile { case (_, sum) => sum < rows }.map(_._1)
  }

  override def readSchema(): StructType = columns
  override def toBatch: Batch = this
  override def columnarSupportMode(): Scan.ColumnarSupportMode = Scan.ColumnarSupportMode.SUPPORTED

  override def description(): String =
    s"ray dataset ${dataset.id} (${dataset.blocks.size} blocks), reads: ${columns.simpleString}" +
      limit.fold("")(rows => s", limit $rows")

  override def planInputPartitions(): Array[InputPartition] = {
    val session = SparkSession.active
    val conf = session.sessionState.conf
    val settings = PartitionSettings(
      targetBytes = conf.filesMaxPartitionBytes,
      minimumPartitions =
        conf.getConf(SQLConf.LEAF_NODE_DEFAULT_PARALLELISM).getOrElse(session.sparkContext.defaultParallelism))
    PartitionPlanner.plan(blocks, settings).map(new RayInputPartition(_, lease): InputPartition).toArray
  }

  override def createReaderFactory(): PartitionReaderFactory = {
    val request = BlockRead(
      dataset.id,
      dataset.agent,
      columns,
      columns.fieldNames.map(dataset.schema.fieldIndex),
      ColumnPruning.selection(dataset.schema, columns),
      dataset.segmentBytes,
      limit)
    new RayReaderFactory(request, lease)
  }

  override def estimateStatistics(): Statistics = {
    val rows = sumIfKnown(blocks.map(_.rows))
    val bytes = sumIfKnown(blocks.map(_.bytes)).map { all =>
      val share = columns.defaultSize.toDouble / math.max(dataset.schema.defaultSize, 1)
      math.ceil(all * math.min(share, 1.0)).toLong
    }
    new Statistics {
      override def sizeInBytes(): OptionalLong = bytes.fold(OptionalLong.empty)(OptionalLong.of)
      override def numRows(): OptionalLong =
        rows.map(known => limit.fold(known)(math.min(known, _))).fold(OptionalLong.empty)(OptionalLong.of)
    }
  }

  private def sumIfKnown(values: Seq[Option[Long]]): Option[Long] =
    Option.when(values.forall(_.isDefined))(values.flatten.sum)
}

/** Blocks for one task. Holds the Dataset's lease on the driver. */
private[exchange] final class RayInputPartition(
    val planned: PlannedPartition,
    @transient private val lease: DatasetLease)
    extends InputPartition {

  // Spark asks for each job, also for the later ones of a plan that it keeps.
  override def preferredLocations(): Array[String] = {
    lease.requireLive()
    planned.hosts.toArray
  }

  override def toString: String = s"RayInputPartition($planned)"
}
