package io.raydp.exchange

import java.util.HexFormat

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}

/**
 * Python's request to export a DataFrame.
 *
 * @param exportId the id under which the agents expect the blocks
 * @param blockBytes Arrow bytes after which a block ends
 * @param blocks how many partitions to export; by default as many as the DataFrame has
 * @param keepLineage whether Spark must be able to recompute the blocks later
 */
private[exchange] final case class ExportRequest(
    exportId: Long,
    agent: AgentAddress,
    blockBytes: Long,
    blocks: Option[Int],
    keepLineage: Boolean)

private[exchange] object ExportRequest {

  def parse(json: String): ExportRequest = {
    val request = Requests.parse(json)
    ExportRequest(
      exportId = request.required("export_id").asLong,
      agent = Requests.agent(request),
      blockBytes = request.required("block_bytes").asLong,
      blocks = Option(request.get("num_blocks")).filterNot(_.isNull).map(_.asInt),
      keepLineage = request.required("keep_lineage").asBoolean)
  }
}

/** Parses what the requests of both directions have in common. */
private[exchange] object Requests {
  val mapper = new ObjectMapper()

  def parse(json: String): JsonNode = mapper.readTree(json)

  /** The agents of a request. If blocks may travel over TCP, this driver serves relays from then on. */
  def agent(request: JsonNode): AgentAddress = {
    val address = AgentAddress(
      directory = request.required("agents_dir").asText,
      application = request.required("application").asText,
      token = HexFormat.of().parseHex(request.required("token").asText),
      waits = TaskWaits.parse(request.required("waits")))
    val hostsWithoutNode = Option(request.get("hosts_without_node")).filterNot(_.isNull)
      .map(_.elements().asScala.map(_.asText).toSet)
    address.copy(relays = hostsWithoutNode.map(Relays.ofDriver(address, _, request.required("relay_port").asInt)))
  }
}
