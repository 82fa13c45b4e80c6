package io.raydp.collections

import scala.collection.TraversableOnce
import scala.collection.mutable
import scala.util.Try
import scala.util.matching.Regex

/**
 * Methods of Scala 2.13 that the sources use, for Scala 2.12. The package objects beside this file bring them into
 * scope, so that the sources need no import. Their meaning is that of the methods in Scala 2.13.
 */
trait LaterMethods {

  implicit final class LaterOption(companion: Option.type) {
    def when[A](condition: Boolean)(value: => A): Option[A] = if (condition) Some(value) else None
  }

  implicit final class LaterEither[A, B](either: Either[A, B]) {
    def orElse[C >: A, D >: B](other: => Either[C, D]): Either[C, D] = if (either.isRight) either else other
  }

  implicit final class LaterString(text: String) {
    def toIntOption: Option[Int] = Try(text.toInt).toOption
    def toLongOption: Option[Long] = Try(text.toLong).toOption
    def toDoubleOption: Option[Double] = Try(text.toDouble).toOption
  }

  implicit final class LaterRegex(regex: Regex) {
    def matches(text: CharSequence): Boolean = regex.pattern.matcher(text).matches
  }

  implicit final class LaterIterator[A](iterator: Iterator[A]) {
    def nextOption(): Option[A] = if (iterator.hasNext) Some(iterator.next()) else None
  }

  implicit final class LaterCollection[A](values: TraversableOnce[A]) {
    def minOption[B >: A](implicit ordering: Ordering[B]): Option[A] =
      if (values.isEmpty) None else Some(values.min(ordering))
    def maxOption[B >: A](implicit ordering: Ordering[B]): Option[A] =
      if (values.isEmpty) None else Some(values.max(ordering))
    def minByOption[B](key: A => B)(implicit ordering: Ordering[B]): Option[A] =
      if (values.isEmpty) None else Some(values.minBy(key))
    def groupMapReduce[K, B](key: A => K)(value: A => B)(reduce: (B, B) => B): Map[K, B] =
      values.toSeq.groupBy(key).map { case (common, group) => common -> group.map(value).reduce(reduce) }
  }

  implicit final class LaterMap[K, V](map: mutable.Map[K, V]) {
    def filterInPlace(keep: (K, V) => Boolean): Unit = {
      map.retain(keep)
      ()
    }
    def updateWith(key: K)(change: Option[V] => Option[V]): Option[V] = {
      val changed = change(map.get(key))
      changed.fold[Unit](map -= key)(map.update(key, _))
      changed
    }
  }
}
