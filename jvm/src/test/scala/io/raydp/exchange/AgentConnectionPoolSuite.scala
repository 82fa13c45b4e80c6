package io.raydp.exchange

import java.nio.file.{Files, Path, Paths}
import java.util.concurrent.{CompletableFuture, ExecutionException, TimeUnit}

import scala.jdk.CollectionConverters._
import scala.util.Using

import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

/** Waits for a connection that a kill ends, and what happens to the other connections then. No Spark and no Ray. */
final class AgentConnectionPoolSuite extends AnyFunSuite with BeforeAndAfterAll {
  private val NodeProperty = "raydp.node.id"
  private val Patience = 20L
  private val folder = Files.createTempDirectory("pool")
  private val socket = folder.resolve("node.sock")

  override def beforeAll(): Unit = System.setProperty(NodeProperty, "node")

  override def afterAll(): Unit = {
    System.clearProperty(NodeProperty)
    Files.deleteIfExists(folder)
    ()
  }

  test("a kill ends the wait for an agent that does not start") {
    val cancellation = new Cancellation
    val waiting = acquiring(newPool(), cancellation)
    eventually(isWaitingForSocket)
    cancellation.cancel()
    assert(failure(waiting).code == ExchangeErrorCode.CANCELLED)
  }

  test("a kill ends the wait for an agent that does not answer HELLO") {
    withAgent(welcomes = false) { agent =>
      val cancellation = new Cancellation
      val waiting = acquiring(newPool(), cancellation)
      assert(agent.messages.tryAcquire(Patience, TimeUnit.SECONDS))
      cancellation.cancel()
      assert(failure(waiting).code == ExchangeErrorCode.CANCELLED)
    }
  }

  test("a kill ends the wait for what an earlier task left in flight") {
    withAgent(welcomes = true) { _ =>
      val pool = newPool()
      val first = pool.acquire(address, None, new Cancellation)
      val segment = first.lend(4096)
      first.requestRead(segment, 1L, 0, 0L, 1L, Array(0), Array.emptyIntArray)
      first.abandonRead(segment)
      pool.release(first, address)
      val cancellation = new Cancellation
      val settling = acquiring(pool, cancellation)
      eventually(isSettling)
      cancellation.cancel()
      assert(failure(settling).code == ExchangeErrorCode.CANCELLED)
    }
  }

  test("a kill before the wait ends it as well") {
    val cancellation = new Cancellation
    cancellation.cancel()
    assert(failure(acquiring(newPool(), cancellation)).code == ExchangeErrorCode.CANCELLED)
  }

  test("tasks that wait for an agent share one inotify instance, and all find the agent when it starts") {
    val before = inotifyInstances
    val pool = newPool()
    val waiting = Seq.fill(8)(acquiring(pool, new Cancellation))
    eventually(socketWaits == waiting.size)
    assert(inotifyInstances <= before + 1)
    withAgent(welcomes = true) { _ =>
      waiting.foreach(_.get(Patience, TimeUnit.SECONDS).close())
    }
  }

  test("a connection that failed does not end the idle ones of an agent that lives") {
    withAgent(welcomes = true) { _ =>
      val pool = newPool()
      val idle = pool.acquire(address, None, new Cancellation)
      val killed = pool.acquire(address, None, new Cancellation)
      pool.release(idle, address)
      killed.cancel()
      pool.discard(killed)
      assert(pool.acquire(address, None, new Cancellation) eq idle)
      idle.close()
    }
  }

  test("a connection that failed ends the idle ones of an agent that has died") {
    withAgent(welcomes = true) { agent =>
      val pool = newPool()
      val idle = pool.acquire(address, None, new Cancellation)
      val failed = pool.acquire(address, None, new Cancellation)
      pool.release(idle, address)
      agent.close()
      assert(agent.departures.tryAcquire(2, Patience, TimeUnit.SECONDS))
      pool.discard(failed)
      assert(intercept[ExchangeException](idle.isAgentGone).code == ExchangeErrorCode.CONNECTION_CLOSED)
    }
  }

  test("a pool that nobody uses closes its connections and its inotify instance, and its threads end") {
    val threads = ownThreads
    val before = inotifyInstances
    val pool = new AgentConnectionPool(idleMillis = 50L, maximumIdle = 10)
    (1 to 2).foreach { _ =>
      val waiting = acquiring(pool, new Cancellation)
      eventually(isWaitingForSocket)
      withAgent(welcomes = true) { agent =>
        pool.release(waiting.get(Patience, TimeUnit.SECONDS), address)
        assert(agent.departures.tryAcquire(Patience, TimeUnit.SECONDS))
        eventually(ownThreads.subsetOf(threads))
        eventually(inotifyInstances <= before)
      }
    }
  }

  private def address = AgentAddress(folder.toString, "application", new Array[Byte](32), SampleWaits.of(600000))

  private def newPool() = new AgentConnectionPool(idleMillis = 600000L, maximumIdle = 10)

  private def withAgent(welcomes: Boolean)(body: FakeAgent => Unit): Unit =
    try Using.resource(new FakeAgent(socket, welcomes))(body)
    finally Files.delete(socket)

  private def acquiring(pool: AgentConnectionPool, cancellation: Cancellation): CompletableFuture[AgentConnection] = {
    val result = new CompletableFuture[AgentConnection]
    val body: Runnable = () =>
      try { result.complete(pool.acquire(address, None, cancellation)); () }
      catch { case error: Throwable => result.completeExceptionally(error); () }
    val thread = new Thread(body, "task")
    thread.setDaemon(true)
    thread.start()
    result
  }

  private def failure(waiting: CompletableFuture[AgentConnection]): ExchangeException =
    intercept[ExecutionException](waiting.get(Patience, TimeUnit.SECONDS)).getCause match {
      case expected: ExchangeException => expected
      case other => fail(other)
    }

  private def eventually(condition: => Boolean): Unit = {
    val deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Patience)
    while (!condition) {
      assert(System.nanoTime() < deadline, "the task does not wait as expected")
      Thread.onSpinWait()
    }
  }

  private def isWaitingForSocket: Boolean = socketWaits > 0

  private def socketWaits: Int = tasksIn(classOf[SocketWatch].getName, "await")

  private def isSettling: Boolean = tasksIn(classOf[NativeExchange].getName, "awaitRead") > 0

  private def tasksIn(className: String, method: String): Int =
    Thread.getAllStackTraces.asScala.count { case (thread, frames) =>
      thread.getName == "task" && frames.exists(frame =>
        frame.getClassName == className && frame.getMethodName == method)
    }

  private def ownThreads: Set[Thread] =
    Thread.getAllStackTraces.keySet.asScala.filter(_.getName.startsWith("raydp-exchange")).toSet

  private def inotifyInstances: Int =
    Using.resource(Files.list(Paths.get("/proc/self/fd"))) { descriptors =>
      descriptors.iterator.asScala.count(descriptor => target(descriptor) == "anon_inode:inotify")
    }

  /** Empty if the descriptor was closed since. */
  private def target(descriptor: Path): String =
    try Files.readSymbolicLink(descriptor).toString
    catch { case _: java.io.IOException => "" }
}
