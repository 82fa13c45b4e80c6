package io.raydp.exchange

import org.apache.spark.sql.types.{LongType, StructType}
import org.apache.spark.sql.util.CaseInsensitiveStringMap
import org.scalatest.funsuite.AnyFunSuite

class DatasetLeaseSuite extends AnyFunSuite {

  private def tableOf(id: Long): RayTable = {
    val agent = AgentAddress("/nowhere", "test", Array.fill(32)(1.toByte), SampleWaits.of(1000))
    new RayTable(
      RayDataset(id, agent, new StructType().add("a", LongType), 1L << 20, IndexedSeq.empty),
      DatasetLease.begin(id))
  }

  /** Collects garbage until a lease has ended or the time is up. */
  private def released(seconds: Int): Seq[Long] =
    Iterator.continually { System.gc(); DatasetLease.awaitReleased(200L).toSeq }.take(5 * seconds).find(
      _.nonEmpty).getOrElse(Nil)

  // In a method of its own: a local variable of the test itself would count as a reference until the test ends.
  private def useReaderFactory(): Unit = {
    val factory = tableOf(1L).newScanBuilder(CaseInsensitiveStringMap.empty()).build().toBatch.createReaderFactory()
    assert(released(seconds = 1).isEmpty)
    java.lang.ref.Reference.reachabilityFence(factory)
  }

  test("a lease lasts as long as a reader factory refers to it and ends with the last reference") {
    useReaderFactory()
    assert(released(seconds = 20) == Seq(1L))
  }

  test("every lease can be ended at once") {
    val tables = Seq(tableOf(2L), tableOf(3L))
    RayBlocks.releaseAll()
    assert(released(seconds = 20).toSet == Set(2L, 3L))
    java.lang.ref.Reference.reachabilityFence(tables)
    assert(DatasetLease.awaitReleased(0L).isEmpty)
  }

  test("the lease of a program's Dataset does not end here") {
    val lease = DatasetLease.ofProgram(5L)
    RayBlocks.releaseAll()
    lease.requireLive()
  }

  test("nothing that travels or is logged shows the token") {
    val table = tableOf(4L)
    assert(!table.dataset.agent.toString.contains("1, 1") && !table.dataset.toString.contains("[B@"))
    assert(!table.newScanBuilder(CaseInsensitiveStringMap.empty()).build().description().contains("token"))
  }
}
