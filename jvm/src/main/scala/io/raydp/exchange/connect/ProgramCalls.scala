package io.raydp.exchange.connect

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.node.ObjectNode
import io.raydp.exchange.Classic.SparkSession
import io.raydp.exchange.{ExportJob, Lineages, RayBlocks, RegisteredDatasets, Requests}
import org.apache.spark.sql.connector.ExternalCommandRunner
import org.apache.spark.sql.util.CaseInsensitiveStringMap

/**
 * What a program calls that uses this application through Spark Connect. Spark runs each call once, in the program's
 * session, and returns its [[Answer]] as the output of a command. The option `request` has the arguments, as JSON.
 */
final class ProgramCalls extends ExternalCommandRunner {

  override def executeCommand(command: String, options: CaseInsensitiveStringMap): Array[String] = {
    val request = Requests.parse(options.get(ProgramCalls.RequestOption)).asInstanceOf[ObjectNode]
    Array(Answer.of(call(command, request, SparkSession.active)))
  }

  private def call(command: String, request: ObjectNode, session: SparkSession): String = command match {
    case "export" => exportView(request, session)
    case "cancel" =>
      ExportJob.cancel(session, request.required("export_id").asLong)
      ""
    case "recompute" =>
      Lineages.recompute(
        request.required("lineage_id").asLong,
        request.required("export_id").asLong,
        request.required("partitions").toString)
    case "forget" =>
      request.required("lineage_ids").elements().asScala.foreach(id => Lineages.forget(id.asLong))
      ""
    case "register" =>
      RegisteredDatasets.register(request.required("name").asText, ProgramBlocks.table(request, session))
      ""
    case "unregister" => RayBlocks.unregister(request.required("name").asText).toString
    case "registered" => Requests.mapper.writeValueAsString(RayBlocks.registered())
    case "unregister_all" =>
      RegisteredDatasets.clear()
      ""
    case other => throw new IllegalArgumentException(s"raydp has no call of this name: $other")
  }

  /** Exports the view that the program has made of its DataFrame for this, and drops the view. */
  private def exportView(request: ObjectNode, session: SparkSession): String = {
    val view = request.required("view").asText
    val frame = session.table(view)
    // Not Catalog.dropTempView: it removes the rows of the program's DataFrame from Spark's cache, too.
    session.sessionState.catalog.dropTempView(view)
    ExportJob.run(frame, ProgramToken.addTo(request, session).toString)
  }
}

private[connect] object ProgramCalls {
  val RequestOption = "request"
}
