package io.raydp.exchange

import org.scalatest.funsuite.AnyFunSuite

class PartitionPlannerSuite extends AnyFunSuite {
  private val MiB = 1L << 20

  private def block(rows: Long, bytes: Long, hosts: String*): DatasetBlock =
    DatasetBlock(Option(rows).filter(_ >= 0), Option(bytes).filter(_ >= 0), hosts)

  private def plan(
      blocks: Seq[DatasetBlock],
      targetBytes: Long = 128 * MiB,
      cores: Int = 1): IndexedSeq[PlannedPartition] =
    PartitionPlanner.plan(blocks.toIndexedSeq, PartitionSettings(targetBytes, cores))

  test("small blocks are read together, in order") {
    val planned = plan(Seq.fill(100)(block(1000, MiB)), targetBytes = 10 * MiB)
    assert(planned.size == 10)
    assert(planned.flatMap(_.ranges).map(_.block) == (0 until 100))
    assert(planned.forall(_.ranges.forall(range => range.fromRow == 0 && range.rows.contains(1000L))))
  }

  test("there are partitions for every core when there are blocks enough") {
    assert(plan(Seq.fill(8)(block(10, MiB)), cores = 4).size == 4)
    assert(plan(Seq.fill(2)(block(10, MiB)), cores = 4).size == 2)
  }

  test("a very large block is divided by rows without gaps") {
    val planned = plan(Seq(block(1001, 1000 * MiB)), targetBytes = 100 * MiB)
    assert(planned.size == 10)
    val ranges = planned.flatMap(_.ranges)
    assert(ranges.map(_.fromRow) == ranges.scanLeft(0L)((sum, range) => sum + range.rows.get).init)
    assert(ranges.map(_.rows.get).sum == 1001L)
  }

  test("a block of unknown rows is read as a whole") {
    assert(plan(Seq(block(-1, 1000 * MiB)), targetBytes = MiB) == Seq(PlannedPartition(
      Seq(RowRange(0, 0L, None)),
      Nil)))
  }

  test("blocks of unknown size are not gathered without bound") {
    assert(plan(Seq.fill(10)(block(5, -1)), targetBytes = 128 * MiB).size == 5)
  }

  test("empty blocks and empty Datasets need no task") {
    assert(plan(Nil).isEmpty)
    assert(plan(Seq(block(0, 0), block(5, 100), block(0, 0))).map(_.ranges.map(_.block)) == Seq(Seq(1)))
  }

  test("a partition prefers the host that holds most of its bytes") {
    val planned =
      plan(Seq(block(1, 3 * MiB, "a"), block(1, 2 * MiB, "b"), block(1, 2 * MiB, "b", "c")), targetBytes = 100 * MiB)
    assert(planned.map(_.hosts) == Seq(Seq("b")))
  }
}
