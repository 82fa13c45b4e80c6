package io.raydp.exchange

import java.nio.ByteBuffer

/**
 * Where a block is.
 *
 * @param index its place in the stream that its node's agent returns to the driver
 * @param rows rows in the block
 * @param bytes Arrow bytes of the block
 */
private[exchange] final case class BlockPosition(index: Long, rows: Long, bytes: Long)

/** The blocks of one partition, in order, as a task reports them to the driver. */
private[exchange] final case class PartitionBlocks(node: String, blocks: Seq[BlockPosition]) {

  def encode(): Array[Byte] = {
    val name = node.getBytes("UTF-8")
    val buffer = ByteBuffer.allocate(8 + name.length + blocks.size * PartitionBlocks.PositionBytes)
    buffer.putInt(name.length).put(name).putInt(blocks.size)
    blocks.foreach(b => buffer.putLong(b.index).putLong(b.rows).putLong(b.bytes))
    buffer.array()
  }
}

private[exchange] object PartitionBlocks {
  private val PositionBytes = 3 * 8

  /** The form in which Python reads the blocks of an export. */
  def toJson(partitions: Seq[PartitionBlocks]): String = {
    val root = Requests.mapper.createObjectNode()
    val array = root.putArray("partitions")
    partitions.foreach { partition =>
      val blocks = array.addArray()
      partition.blocks.foreach { block =>
        blocks.addObject().put("node", partition.node).put("index", block.index)
          .put("rows", block.rows).put("bytes", block.bytes)
      }
    }
    root.toString
  }

  def decode(bytes: Array[Byte]): PartitionBlocks = {
    val buffer = ByteBuffer.wrap(bytes)
    val name = new Array[Byte](buffer.getInt())
    buffer.get(name)
    val blocks = Vector.fill(buffer.getInt()) {
      BlockPosition(buffer.getLong(), buffer.getLong(), buffer.getLong())
    }
    PartitionBlocks(new String(name, "UTF-8"), blocks)
  }
}
