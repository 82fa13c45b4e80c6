package io.raydp.exchange

import java.util

import org.apache.spark.sql.connector.catalog.{Table, TableProvider}
import org.apache.spark.sql.connector.expressions.Transform
import org.apache.spark.sql.sources.DataSourceRegister
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.util.CaseInsensitiveStringMap

/** The data source "ray": `spark.read.format("ray").load(name)` reads a Dataset that `raydp.register` named. */
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
    option(DatasetOption).map(imported).orElse(option(NameOption).map(RegisteredDatasets.table)).getOrElse(
      throw new IllegalArgumentException(
        s"""The data source "$ShortName" needs the name of a Dataset. Register it with """ +
          s"""raydp.register(dataset, "name") and read it with spark.read.format("$ShortName").load("name"), or """ +
          "use raydp.to_spark(dataset)."))
  }

  private def imported(id: String): RayTable =
    id.toLongOption.flatMap(ImportedDatasets.table).getOrElse(throw new IllegalArgumentException(
      "Spark does not hold this Ray Dataset. It was never converted, or it was released with the last DataFrame over " +
        s"it. Use raydp.to_spark(dataset). Option $DatasetOption: $id"))
}

private[exchange] object RayTableProvider {
  val ShortName = "ray"

  /** The id of an imported Dataset; `raydp.to_spark` sets it. */
  val DatasetOption = "dataset"

  /** The name of a registered Dataset: the argument of `load`. */
  val NameOption = "path"
}
