package io.raydp.exchange

/**
 * Rows of one block.
 *
 * @param rows how many rows from `fromRow` on; all of them if none
 */
private[exchange] final case class RowRange(block: Int, fromRow: Long, rows: Option[Long])

/** What one task reads, in order, and the hosts that it prefers. */
private[exchange] final case class PlannedPartition(ranges: Seq[RowRange], hosts: Seq[String])

/**
 * @param targetBytes the size that partitions should have
 * @param minimumPartitions how many tasks can run at once; fewer partitions would leave cores idle
 */
private[exchange] final case class PartitionSettings(targetBytes: Long, minimumPartitions: Int)

/** Divides the blocks of a Dataset among tasks and keeps their order. A pure function. */
private[exchange] object PartitionPlanner {

  /** The assumed size of a block of unknown size. */
  private val UnknownBytes = 64L << 20

  /** Blocks more than this many times larger than the target are divided; smaller ones are not worth two requests. */
  private val LargeFactor = 2

  private final case class Piece(range: RowRange, bytes: Long, hosts: Seq[String])

  def plan(blocks: IndexedSeq[DatasetBlock], settings: PartitionSettings): IndexedSeq[PlannedPartition] = {
    val total = blocks.map(sizeOf).sum
    val target = math.max(1L, math.min(settings.targetBytes, total / math.max(settings.minimumPartitions, 1)))
    // Blocks are divided by the configured size, not by the smaller one that keeps every core busy: preparing to read
    // a part of a block costs as much as preparing to read all of it.
    val pieces = blocks.indices.flatMap(index => divide(index, blocks(index), settings.targetBytes))
    group(pieces, target).map(partition)
  }

  private def sizeOf(block: DatasetBlock): Long = block.bytes.getOrElse(UnknownBytes)

  private def divide(index: Int, block: DatasetBlock, targetBytes: Long): Seq[Piece] = {
    val bytes = sizeOf(block)
    block.rows match {
      case Some(0) => Nil
      case Some(rows) if bytes > LargeFactor * targetBytes && rows > 1 =>
        val parts = math.min(rows, (bytes + targetBytes - 1) / targetBytes)
        (0L until parts).map { part =>
          val from = rows * part / parts
          val until = rows * (part + 1) / parts
          Piece(RowRange(index, from, Some(until - from)), bytes / parts, block.hosts)
        }
      case rows => Seq(Piece(RowRange(index, 0L, rows), bytes, block.hosts))
    }
  }

  private def group(pieces: Seq[Piece], target: Long): IndexedSeq[Seq[Piece]] =
    pieces.foldLeft(Vector.empty[Vector[Piece]]) { (groups, piece) =>
      groups.lastOption match {
        // A partition may exceed the target by half a piece, which avoids an additional small partition.
        case Some(last) if last.map(_.bytes).sum + piece.bytes / 2 < target => groups.init :+ (last :+ piece)
        case _ => groups :+ Vector(piece)
      }
    }

  private def partition(pieces: Seq[Piece]): PlannedPartition = {
    val bytesByHost = pieces.flatMap(piece => piece.hosts.map(_ -> piece.bytes)).groupMapReduce(_._1)(_._2)(_ + _)
    val most = bytesByHost.values.maxOption.getOrElse(0L)
    val hosts = bytesByHost.collect { case (host, bytes) if bytes == most => host }.toSeq.sorted
    PlannedPartition(pieces.map(_.range), hosts)
  }
}
