package io.raydp.exchange

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import org.apache.spark.mllib.linalg.VectorUDT
import org.apache.spark.sql.catalyst.parser.CatalystSqlParser
import org.apache.spark.sql.types._

/** The Spark types of docs/types.md, as Spark's parser reads their names. A type that is added there is tested. */
object DocumentedTypes {

  /** What takes the place of a parameter in the document. */
  private val Parameters = Map(
    "p" -> "9",
    "s" -> "2",
    "n" -> "3",
    "C" -> "UNICODE_CI",
    "K" -> "string",
    "T" -> "int",
    "V" -> "int",
    "…" -> "a: int")

  /** Types that the parser reads only with a setting. */
  private val gated: Map[String, DataType] = Map(
    "geometry(srid)" -> GeometryType(4326),
    "geography(srid)" -> GeographyType(4326),
    "timestamp(p)" -> TimestampLTZNanosType(9),
    "timestamp_ntz(p)" -> TimestampNTZNanosType(9))

  /** Names in the first table of the document, and whether these types cross: others have no type in Arrow. */
  private val documented: Seq[(String, Boolean)] = {
    val lines = Files.readAllLines(Path.of("docs/types.md")).asScala.toSeq
    val table =
      lines.dropWhile(_ != "## Spark to Ray, and back").dropWhile(!_.startsWith("|")).takeWhile(_.startsWith("|"))
    val cells = table.map(_.split('|').map(_.trim)).filter(row => row(1).startsWith("`"))
    cells.flatMap(row => "`([^`]+)`".r.findAllMatchIn(row(1)).map(_.group(1) -> (row(2) != "–")))
  }

  /** Types that cross, each with its name: those of the document, and some with other parameters. */
  val supported: Seq[(String, DataType)] = parsed(crosses = true) ++ Seq(
    DecimalType(10, 2),
    DecimalType(38, 4),
    TimeType(0),
    TimeType(6),
    DayTimeIntervalType(DayTimeIntervalType.HOUR),
    YearMonthIntervalType(YearMonthIntervalType.YEAR),
    new StructType(),
    new VectorUDT).map(dataType => dataType.sql -> dataType)

  /** Types that are refused, each with its name. */
  val unsupported: Seq[(String, DataType)] = parsed(crosses = false)

  private def parsed(crosses: Boolean): Seq[(String, DataType)] =
    documented.collect { case (name, `crosses`) =>
      name -> gated.getOrElse(name, CatalystSqlParser.parseDataType(example(name)))
    }

  private def example(name: String): String =
    "\\w+|…".r.replaceAllIn(name, word => Parameters.getOrElse(word.matched, word.matched))
}
