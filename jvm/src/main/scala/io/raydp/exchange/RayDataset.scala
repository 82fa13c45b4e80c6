package io.raydp.exchange

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.types.{DataType, StructType}

/**
 * What the driver knows of a Ray Dataset's block.
 *
 * @param rows how many rows it has, if known
 * @param bytes its size in Ray's object store, if known
 * @param hosts the hosts that hold it
 */
private[exchange] final case class DatasetBlock(rows: Option[Long], bytes: Option[Long], hosts: Seq[String])

/**
 * A Ray Dataset that Spark can read.
 *
 * @param id the id under which the agents know it
 * @param segmentBytes the size of the segments that tasks read through
 */
private[exchange] final case class RayDataset(
    id: Long,
    agent: AgentAddress,
    schema: StructType,
    segmentBytes: Long,
    blocks: IndexedSeq[DatasetBlock])

private[exchange] object RayDataset {

  def parse(json: String): RayDataset = {
    val request = Requests.parse(json)
    val blocks = request.required("blocks").elements().asScala.map { block =>
      DatasetBlock(
        rows = Option(block.required("rows").asLong).filter(_ >= 0),
        bytes = Option(block.required("bytes").asLong).filter(_ >= 0),
        hosts = block.required("hosts").elements().asScala.map(_.asText).toVector)
    }.toVector
    RayDataset(
      id = request.required("dataset").asLong,
      agent = Requests.agent(request),
      schema = DataType.fromJson(schemaText(request.required("schema"))).asInstanceOf[StructType],
      segmentBytes = request.required("segment_bytes").asLong,
      blocks = blocks)
  }

  /** The request contains the schema as JSON or as a string of JSON. */
  private def schemaText(node: com.fasterxml.jackson.databind.JsonNode): String =
    if (node.isTextual) node.asText else node.toString
}
