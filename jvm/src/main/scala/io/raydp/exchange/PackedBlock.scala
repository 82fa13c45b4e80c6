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

  /** Copies the block out of its segment, chunk after chunk. A chunk is valid during the call. */
  def forEachChunk(segment: MappedSegment, mostBytes: Int)(take: (Array[Byte], Int) => Any): Unit = {
    val chunk = new Array[Byte](math.min(mostBytes.toLong, bytes).toInt)
    var begin = 0L
    var next = 0 // the first piece that has bytes from `begin` on
    while (begin < bytes) {
      val end = math.min(begin + chunk.length, bytes)
      java.util.Arrays.fill(chunk, 0.toByte) // what is between the pieces
      pieces.view.drop(next).takeWhile(_.begin < end).foreach { piece =>
        val from = math.max(piece.begin, begin)
        val length = math.min(piece.end, end) - from
        segment.read(piece.offset + (from - piece.begin), chunk, (from - begin).toInt, length.toInt)
      }
      while (next < pieces.size && pieces(next).end <= end) next += 1
      take(chunk, (end - begin).toInt)
      begin = end
    }
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
