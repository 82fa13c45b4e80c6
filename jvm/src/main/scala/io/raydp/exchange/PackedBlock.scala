package io.raydp.exchange

/**
 * A block without the gaps that its segment has between buffers.
 *
 * @param nodes the block's arrays, with offsets from the beginning of the packed block
 * @param bytes the length of the packed block
 */
private[exchange] final class PackedBlock private (
    val nodes: Array[Long],
    val bytes: Long,
    pieces: IndexedSeq[PackedBlock.Piece]) {

  /** Copies `length` bytes of the block, from `begin` on, out of its segment to `at`. */
  def copy(segment: MappedSegment, begin: Long, into: Array[Byte], at: Int, length: Int): Unit = {
    val end = begin + length
    var filled = at
    def fillUntil(next: Int): Unit = java.util.Arrays.fill(into, filled, next, 0.toByte) // what is between the pieces
    pieces.iterator.dropWhile(_.end <= begin).takeWhile(_.begin < end).foreach { piece =>
      val from = math.max(piece.begin, begin)
      val target = at + (from - begin).toInt
      val count = (math.min(piece.end, end) - from).toInt
      fillUntil(target)
      segment.read(piece.offset + (from - piece.begin), into, target, count)
      filled = target + count
    }
    fillUntil(at + length)
  }
}

private[exchange] object PackedBlock {

  /** Where Arrow wants buffers to begin. */
  private val Alignment = 64L

  /** A buffer: from `begin` to `end` of the packed block, and at `offset` of the segment. */
  private final case class Piece(begin: Long, end: Long, offset: Long)

  /** Packs the block whose arrays are flattened in `nodes`, which stays as it is. */
  def of(nodes: Array[Long]): PackedBlock = {
    val packed = nodes.clone
    val pieces = Vector.newBuilder[Piece]
    var end = 0L
    ArrayBuffers.forEach(
      nodes,
      0,
      (index, offset, size) => {
        val begin = (end + Alignment - 1) / Alignment * Alignment
        end = begin + size
        packed(index) = begin
        if (size > 0) pieces += Piece(begin, end, offset)
      })
    new PackedBlock(packed, end, pieces.result())
  }
}
