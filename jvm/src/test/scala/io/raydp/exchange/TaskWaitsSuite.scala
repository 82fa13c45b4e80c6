package io.raydp.exchange

import java.nio.file.Files

import scala.util.Using

import org.apache.spark.TaskContext
import org.apache.spark.raydp.TestTask
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.types.{LongType, StructType}
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

/** Tasks whose agent accepts their connection and answers nothing. */
final class TaskWaitsSuite extends AnyFunSuite with BeforeAndAfterAll {
  private val NodeProperty = "raydp.node.id"
  private val LongMillis = 600000
  private val ShortMillis = 50
  private val schema = new StructType().add("n", LongType)
  private val folder = Files.createTempDirectory("waits")
  private val socket = folder.resolve("node.sock")

  override def beforeAll(): Unit = System.setProperty(NodeProperty, "node")

  override def afterAll(): Unit = {
    System.clearProperty(NodeProperty)
    Files.deleteIfExists(folder)
    ()
  }

  test("a task waits for its agent to accept a block as long as a setting says, and the error names the setting") {
    val failure = failureOf(_.block) { address =>
      val request = ExportRequest(1L, address, blockBytes = 1L << 20, blocks = None, keepLineage = false)
      new ExportTask(ExportTaskSpec(schema, request, Map.empty)).writeAll(Iterator(InternalRow(1L)))
    }
    assert(
      failure == "the exchange agent did not accept a block within 50 ms. Is Ray's object store full, and spilling " +
        "slow? Raise spark.raydp.exchange.timeout if so")
  }

  test("a task waits for the answer to a read request as long as a setting says, and the error names the setting") {
    val failure = failureOf(_.read) { address =>
      val read = BlockRead(1L, address, schema, Array(0), Array.emptyIntArray, segmentBytes = 4096L, limit = None)
      new BlockReader(read, Seq(RowRange(0, 0L, Some(1L))), TaskContext.get()).next()
    }
    assert(
      failure == "the exchange agent did not answer a read request within 50 ms. Is Ray's object store full, and " +
        "spilling slow? Raise spark.raydp.exchange.timeout if so")
  }

  /** What a task says that waits too long for its agent. Only the setting of `wait` has a short bound. */
  private def failureOf(wait: TaskWaits => AgentWait)(body: AgentAddress => Any): String =
    try
      Using.resource(new FakeAgent(socket, welcomes = true)) { _ =>
        val patient = addressOf(SampleWaits.of(LongMillis))
        val pool = AgentConnectionPool.shared
        // The task uses this connection, because connecting may take longer than the bound.
        pool.release(pool.acquire(patient, None, new Cancellation), patient)
        val setting = wait(patient.waits).setting
        val task = new TestTask
        val waits = TaskWaits(patient.waits.millis + (setting -> ShortMillis))
        val error = intercept[ExchangeException](task.run(body(addressOf(waits))))
        task.complete()
        assert(error.code == ExchangeErrorCode.TIMEOUT)
        error.getMessage
      }
    finally Files.delete(socket)

  private def addressOf(waits: TaskWaits) = AgentAddress(folder.toString, "waits", new Array[Byte](32), waits)
}
