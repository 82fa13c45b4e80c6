package io.raydp.exchange.connect

import com.fasterxml.jackson.databind.node.ObjectNode
import io.raydp.exchange.Classic.SparkSession

/**
 * The token of a program's exchange agents. It is a setting of the program's session and no part of its requests,
 * because Spark shows the options of commands and reads in its UI and in event logs. It redacts settings by their names.
 */
private[connect] object ProgramToken {
  private val TokenKey = "spark.raydp.connect.token"
  private val ProgramKey = "spark.raydp.connect.program"

  /** Adds the token to a request, which is changed. Fails if the program is not attached any more. */
  def addTo(request: ObjectNode, session: SparkSession): ObjectNode = {
    val program = request.required("application").asText
    if (!session.conf.getOption(ProgramKey).contains(program)) throw new IllegalArgumentException(
      "This belongs to an attachment of the Spark Connect session to Ray that has ended. Call raydp.to_spark(dataset) " +
        s"again. Attachment: $program")
    request.put("token", session.conf.get(TokenKey))
  }
}
