package io.raydp.exchange

import org.scalatest.funsuite.AnyFunSuite

class PartitionBlocksSuite extends AnyFunSuite {
  test("positions survive the way to the driver") {
    Seq(
      PartitionBlocks("", Vector.empty),
      PartitionBlocks(
        "0123456789abcdef",
        Vector(BlockPosition(1L, 2L, 3L), BlockPosition(Long.MaxValue, 0L, 1L << 40)))).foreach(partition =>
      assert(PartitionBlocks.decode(partition.encode()) == partition))
  }

  test("a request is read as Python writes it") {
    val json = s"""{"export_id": 5, "application": "app", "agents_dir": "/tmp/agents", "token": "${"0a" * 32}",
                  | "block_bytes": 1048576, "num_blocks": null, "keep_lineage": true,
                  | "waits": {"spark.raydp.exchange.timeout": 1.5}}""".stripMargin
    val request = ExportRequest.parse(json)
    assert(request.exportId == 5L && request.blockBytes == 1048576L && request.blocks.isEmpty && request.keepLineage)
    assert(request.agent.waits == TaskWaits(Map("spark.raydp.exchange.timeout" -> 1500)))
    assert(request.agent.token.toSeq == Seq.fill(32)(10.toByte))
    assert(ExportRequest.parse(json.replace("null", "3")).blocks.contains(3))
  }
}
