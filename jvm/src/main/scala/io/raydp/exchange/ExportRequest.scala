package io.raydp.exchange

import java.util.HexFormat

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}

/**
 * A conversion of a DataFrame to Ray blocks, as Python asks for it.
 *
 * @param conversion the number under which the agents expect the blocks
 * @param blockBytes Arrow bytes after which a block ends
 * @param blocks how many partitions to convert, if not as many as the DataFrame has
 * @param recoverable whether partitions may have to be exported again
 */
private[exchange] final case class ExportRequest(
    conversion: Long,
    agent: AgentAddress,
    blockBytes: Long,
    blocks: Option[Int],
    recoverable: Boolean)

private[exchange] object ExportRequest {

  def parse(json: String): ExportRequest = {
    val request = Requests.parse(json)
    ExportRequest(
      conversion = request.required("conversion").asLong,
      agent = Requests.agent(request),
      blockBytes = request.required("block_bytes").asLong,
      blocks = Option(request.get("num_blocks")).filterNot(_.isNull).map(_.asInt),
      recoverable = request.required("recoverable").asBoolean)
  }
}

/** What the requests of both directions have in common. */
private[exchange] object Requests {
  val mapper = new ObjectMapper()

  def parse(json: String): JsonNode = mapper.readTree(json)

  def agent(request: JsonNode): AgentAddress = AgentAddress(
    directory = request.required("agents_dir").asText,
    application = request.required("application").asText,
    token = HexFormat.of().parseHex(request.required("token").asText),
    timeoutMillis = math.min(request.required("timeout_s").asDouble * 1000, Int.MaxValue.toDouble).toInt)
}
