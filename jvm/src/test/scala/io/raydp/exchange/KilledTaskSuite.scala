package io.raydp.exchange

import java.nio.file.Files
import java.util.concurrent.{CompletableFuture, ExecutionException, TimeUnit}

import scala.util.Using

import org.apache.spark.TaskKilledException
import org.apache.spark.raydp.TestTask
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.connector.read.PartitionReader
import org.apache.spark.sql.types.{LongType, StructType}
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.apache.spark.TaskContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

/** Tasks that are killed while they connect to their agent. */
final class KilledTaskSuite extends AnyFunSuite with BeforeAndAfterAll {
  private val NodeProperty = "raydp.node.id"
  private val Patience = 20L
  private val schema = new StructType().add("n", LongType)
  private val folder = Files.createTempDirectory("killed")
  private val socket = folder.resolve("node.sock")
  private val address = AgentAddress(folder.toString, "application", new Array[Byte](32), SampleWaits.of(600000))

  override def beforeAll(): Unit = System.setProperty(NodeProperty, "node")

  override def afterAll(): Unit = {
    System.clearProperty(NodeProperty)
    Files.deleteIfExists(folder)
    ()
  }

  test("an export that is killed while it connects ends at once and leaves no connection") {
    killedWhileConnecting { () =>
      val request = ExportRequest(1L, address, blockBytes = 1L << 20, blocks = None, keepLineage = false)
      new ExportTask(ExportTaskSpec(schema, request, Map.empty)).writeAll(Iterator(InternalRow(1L)))
    }
  }

  test("a read that is killed while it connects ends at once and leaves no connection") {
    killedWhileConnecting { () =>
      val read = BlockRead(1L, address, schema, Array(0), Array.emptyIntArray, segmentBytes = 4096L, limit = None)
      val reader: PartitionReader[ColumnarBatch] =
        new BlockReader(read, Seq(RowRange(0, 0L, Some(1L))), TaskContext.get())
      reader.next()
    }
  }

  private def killedWhileConnecting(body: () => Any): Unit =
    try
      Using.resource(new FakeAgent(socket, welcomes = false)) { agent =>
        val task = new TestTask
        val ended = new CompletableFuture[Any]
        val thread = new Thread({ () =>
          try { ended.complete(task.run(body())); () }
          catch { case error: Throwable => ended.completeExceptionally(error); () }
        }: Runnable)
        thread.setDaemon(true)
        thread.start()
        assert(agent.messages.tryAcquire(Patience, TimeUnit.SECONDS))
        task.kill()
        // A connection that is established now must be closed as well.
        agent.welcome()
        val error = intercept[ExecutionException](ended.get(Patience, TimeUnit.SECONDS)).getCause
        assert(error.isInstanceOf[TaskKilledException], error)
        task.complete()
        assert(agent.departures.tryAcquire(Patience, TimeUnit.SECONDS), "the connection is still open")
      }
    finally Files.delete(socket)
}
