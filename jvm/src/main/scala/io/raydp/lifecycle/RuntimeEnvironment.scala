package io.raydp.lifecycle

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import com.fasterxml.jackson.databind.node.ObjectNode

/**
 * The surroundings that Ray makes for an executor's process: environment variables, Python modules and the like.
 *
 * Its fields reach the Python workers too, which inherit the process's variables, `PYTHONPATH` among them.
 */
object RuntimeEnvironment {
  private val Variables = "env_vars"

  /**
   * @param runtimeEnv a JSON object of the fields that Ray's `runtime_env` has
   * @param variables environment variables that win over those in it
   * @return each field's value as JSON
   * @throws RayApplicationException it is no JSON object, or its variables are not strings
   */
  def fields(runtimeEnv: Option[String], variables: Map[String, String]): Map[String, String] = {
    val mapper = new ObjectMapper
    val root = runtimeEnv.fold(mapper.createObjectNode)(parsed(mapper, _))
    if (variables.nonEmpty) {
      val all = root.withObjectProperty(Variables)
      variables.foreach { case (name, value) => all.put(name, value) }
    }
    root.properties.asScala.map(field => field.getKey -> mapper.writeValueAsString(field.getValue)).toMap
  }

  private def parsed(mapper: ObjectMapper, text: String): ObjectNode = {
    val tree =
      try mapper.readTree(text)
      catch { case NonFatal(error) => throw malformed(s"It is no JSON: ${error.getMessage.linesIterator.next()}") }
    tree match {
      case root: ObjectNode if hasVariables(root) => root
      case _: ObjectNode => throw malformed("env_vars must map names to strings")
      case _ => throw malformed(s"It is JSON, but no object: ${tree.getNodeType}")
    }
  }

  private def hasVariables(root: ObjectNode): Boolean = Option(root.get(Variables)).forall {
    case variables: ObjectNode => variables.elements.asScala.forall((value: JsonNode) => value.isTextual)
    case _ => false
  }

  private def malformed(reason: String) =
    new RayApplicationException(FailureKind.InvalidConfiguration, LifecycleMessages.malformedRuntimeEnv(reason))
}
