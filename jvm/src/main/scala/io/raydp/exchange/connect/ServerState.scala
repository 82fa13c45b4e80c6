package io.raydp.exchange.connect

import java.util

import com.fasterxml.jackson.databind.node.JsonNodeFactory
import io.raydp.exchange.Classic.SparkSession
import org.apache.spark.raydp.ExecutorList
import org.apache.spark.sql.connector.catalog.{SupportsRead, Table, TableCapability, TableProvider}
import org.apache.spark.sql.connector.expressions.Transform
import org.apache.spark.sql.connector.read.ScanBuilder
import org.apache.spark.sql.types.{StringType, StructType}
import org.apache.spark.sql.util.CaseInsensitiveStringMap

/**
 * Tells a program that uses Spark Connect where the application's executors are. The name of the only column is the
 * answer, as JSON: the application's id, the build of raydp, and the hosts of the executors. A program asks for a schema rather than runs a
 * command, because programs ask all the time, and Spark keeps a list of commands.
 *
 * There is no listener: Spark would hold it, and the class loader of the session with it, after the session's end.
 */
final class ServerState extends TableProvider {

  override def inferSchema(options: CaseInsensitiveStringMap): StructType = {
    val context = SparkSession.active.sparkContext
    val state = JsonNodeFactory.instance.objectNode
      .put("application", context.applicationId)
      .put("build", getClass.getPackage.getImplementationVersion)
    val hosts = state.putArray("hosts")
    ExecutorList.hosts(context).values.toSeq.distinct.sorted.foreach(hosts.add(_))
    new StructType().add(state.toString, StringType)
  }

  override def getTable(
      answer: StructType,
      partitioning: Array[Transform],
      properties: util.Map[String, String]): Table = new SupportsRead {
    override def name(): String = "the state of raydp's server"
    override def schema(): StructType = answer
    override def capabilities(): util.Set[TableCapability] = util.EnumSet.of(TableCapability.BATCH_READ)
    override def newScanBuilder(options: CaseInsensitiveStringMap): ScanBuilder =
      throw new UnsupportedOperationException("The state of raydp's server has a schema and no rows.")
  }
}
