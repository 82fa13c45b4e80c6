package io.raydp.lifecycle

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import com.fasterxml.jackson.databind.node.ObjectNode

/**
 * The environment that Ray creates for an executor's process: variables, Python modules and so on.
 *
 * It reaches the Python workers too, because they inherit the process's variables, including `PYTHONPATH`.
 */
object RuntimeEnvironment {
  private val Variables = "env_vars"

  /**
   * @param runtimeEnv a JSON object with fields of Ray's `runtime_env`
   * @param variables environment variables that override those in it
   * @return each field's value as JSON
   * @throws RayApplicationException it is not a JSON object, or its variables are not strings
   */
  def fields(runtimeEnv: Option[String], variables: Map[String, String]): Map[String, String] = {
    val mapper = new ObjectMapper
    val root = runtimeEnv.fold(mapper.createObjectNode)(parsed(mapper, _))
    if (variables.nonEmpty) {
      val all = root.withObject(s"/$Variables")
      variables.foreach { case (name, value) => all.put(name, value) }
    }
    root.properties.asScala.map(field => field.getKey -> mapper.writeValueAsString(field.getValue)).toMap
  }

  private def parsed(mapper: ObjectMapper, text: String): ObjectNode = {
    val tree =
      try mapper.readTree(text)
      catch { case NonFatal(error) => throw malformed(s"It is not JSON: ${error.getMessage.linesIterator.next()}") }
    tree match {
      case root: ObjectNode if hasVariables(root) => root
      case _: ObjectNode => throw malformed("env_vars must map names to strings")
      case _ => throw malformed(s"It is JSON, but not an object: ${tree.getNodeType}")
    }
  }

  private def hasVariables(root: ObjectNode): Boolean = Option(root.get(Variables)).forall {
    case variables: ObjectNode => variables.elements.asScala.forall((value: JsonNode) => value.isTextual)
    case _ => false
  }

  private def malformed(reason: String) =
    new RayApplicationException(FailureKind.InvalidConfiguration, LifecycleMessages.malformedRuntimeEnv(reason))
}
