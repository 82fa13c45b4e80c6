package io.raydp.exchange.connect

import java.util

import com.fasterxml.jackson.databind.node.ObjectNode
import io.raydp.exchange.Classic.SparkSession
import io.raydp.exchange.{DatasetLease, RayDataset, RayTable, Requests}
import org.apache.spark.sql.connector.catalog.{Table, TableProvider}
import org.apache.spark.sql.connector.expressions.Transform
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.util.CaseInsensitiveStringMap

/**
 * The data source of `raydp.to_spark` in a Spark Connect session. The option `request` describes the Dataset. Each use
 * of the DataFrame sends it again, so nothing of a Dataset is kept here. The program holds the blocks.
 */
final class ProgramBlocks extends TableProvider {

  override def inferSchema(options: CaseInsensitiveStringMap): StructType = tableOf(options).dataset.schema

  override def getTable(
      schema: StructType,
      partitioning: Array[Transform],
      properties: util.Map[String, String]): Table = tableOf(new CaseInsensitiveStringMap(properties))

  private def tableOf(options: CaseInsensitiveStringMap): RayTable = {
    val request = Requests.parse(options.get(ProgramCalls.RequestOption)).asInstanceOf[ObjectNode]
    ProgramBlocks.table(request, SparkSession.active)
  }
}

private[connect] object ProgramBlocks {

  /** The table that a request describes. */
  def table(request: ObjectNode, session: SparkSession): RayTable = {
    val dataset = RayDataset.parse(ProgramToken.addTo(request, session).toString)
    new RayTable(dataset, DatasetLease.ofProgram(dataset.id))
  }
}
