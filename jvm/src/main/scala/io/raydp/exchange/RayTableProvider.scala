package io.raydp.exchange

import java.util

import org.apache.spark.sql.connector.catalog.{SupportsRead, Table, TableCapability, TableProvider}
import org.apache.spark.sql.connector.expressions.Transform
import org.apache.spark.sql.connector.read.ScanBuilder
import org.apache.spark.sql.sources.DataSourceRegister
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.util.CaseInsensitiveStringMap

/** The data source "ray": `spark.read.format("ray").load(name)` of a Dataset that `raydp.register` named. */
final class RayTableProvider extends TableProvider with DataSourceRegister {
  import RayTableProvider._

  override def shortName(): String = ShortName

  override def inferSchema(options: CaseInsensitiveStringMap): StructType = table(options).dataset.schema

  override def getTable(
      schema: StructType,
      partitioning: Array[Transform],
      properties: util.Map[String, String]): Table =
    table(new CaseInsensitiveStringMap(properties))

  private def table(options: CaseInsensitiveStringMap): RayTable = {
    def option(key: String): Option[String] = Option(options.get(key))
    option(DatasetOption).map(numbered).orElse(option(NameOption).map(RegisteredDatasets.table)).getOrElse(
      throw new IllegalArgumentException(
        s"""The data source "$ShortName" needs the name of a Dataset: name it with raydp.register(dataset, "name") """ +
          s"""and read it with spark.read.format("$ShortName").load("name"), or use raydp.to_spark(dataset)."""))
  }

  private def numbered(number: String): RayTable =
    number.toLongOption.flatMap(RayBlocks.table).getOrElse(throw new IllegalArgumentException(
      "Spark holds no such Ray Dataset: it was released with the last DataFrame over it, or never converted. Use " +
        s"raydp.to_spark(dataset). Option $DatasetOption: $number"))
}

private[exchange] object RayTableProvider {
  val ShortName = "ray"

  /** A Dataset's number, which `raydp.to_spark` sets. */
  val DatasetOption = "dataset"

  /** A registered Dataset's name: the argument of `load`. */
  val NameOption = "path"
}

/** A Ray Dataset as a table. Holds the Dataset's lease. */
private[exchange] final class RayTable(val dataset: RayDataset, val lease: DatasetLease) extends Table
    with SupportsRead {
  override def name(): String = s"ray dataset ${dataset.id}"

  // Table.columns, its successor, is derived from this one.
  override def schema(): StructType = dataset.schema

  override def capabilities(): util.Set[TableCapability] = util.EnumSet.of(TableCapability.BATCH_READ)
  override def newScanBuilder(options: CaseInsensitiveStringMap): ScanBuilder = new RayScanBuilder(this)
}
