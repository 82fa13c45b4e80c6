package io.raydp.exchange

import scala.collection.mutable
import scala.util.Random

import org.scalatest.funsuite.AnyFunSuite

import io.raydp.exchange.columns.ByteRanges

class ByteRangesSuite extends AnyFunSuite {
  private val Pages = 64
  private val PageBytes = 16L

  /** Random ranges, as the object under test and as the plain set of their bytes. */
  private def random(random: Random): (ByteRanges, Set[Long]) = {
    val ranges = new ByteRanges
    val bytes = mutable.Set.empty[Long]
    (0 until random.nextInt(12)).foreach { _ =>
      val from = random.nextInt((Pages * PageBytes).toInt).toLong
      val to = math.min(from + random.nextInt(100), Pages * PageBytes)
      ranges.add(from, to)
      bytes ++= from until to
    }
    (ranges, bytes.toSet)
  }

  test("ranges unite like sets of bytes") {
    (0 until 500).foreach { seed =>
      val source = new Random(seed)
      val (first, firstBytes) = random(source)
      val (second, secondBytes) = random(source)
      assert(first.totalBytes == firstBytes.size, s"seed $seed: $first")
      first.addAll(second)
      assert(first.totalBytes == (firstBytes ++ secondBytes).size, s"seed $seed: $first")
    }
  }

  test("what lies outside is given in whole pages that the kept ranges do not touch") {
    (0 until 500).foreach { seed =>
      val source = new Random(seed)
      val (touched, touchedBytes) = random(source)
      val (kept, keptBytes) = random(source)
      val outside = mutable.Set.empty[Long]
      touched.forEachOutside(
        kept,
        PageBytes,
        (from, to) => {
          assert(from % PageBytes == 0 && to % PageBytes == 0 && from < to, s"seed $seed")
          outside ++= from until to
          ()
        })
      val wholePages = (0L until Pages.toLong).map(page => (page * PageBytes until (page + 1) * PageBytes).toSet)
      val expected = wholePages.filter(page => page.subsetOf(touchedBytes -- keptBytes)).flatten.toSet
      assert(outside == expected, s"seed $seed: $touched without $kept")
    }
  }
}
