package io.raydp.exchange.columns;

import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.BooleanType;
import org.apache.spark.sql.types.ByteType;
import org.apache.spark.sql.types.CalendarIntervalType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DateType;
import org.apache.spark.sql.types.DayTimeIntervalType;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.sql.types.IntegerType;
import org.apache.spark.sql.types.LongType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.NullType;
import org.apache.spark.sql.types.ShortType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimeType;
import org.apache.spark.sql.types.TimestampNTZType;
import org.apache.spark.sql.types.TimestampType;
import org.apache.spark.sql.types.UserDefinedType;
import org.apache.spark.sql.types.VariantType;
import org.apache.spark.sql.types.YearMonthIntervalType;

/**
 * The table of all types that cross between Spark and Ray. Each row is one form of a column: its writer, the writer's
 * method for a value, how Spark's cache stores it, and the Spark types that have this form.
 *
 * <p>Whatever else depends on a column's type is an exhaustive {@code switch} over the rows, so a row that is missing
 * somewhere does not compile. Generated code ({@code ExportCode}) knows only text and binary by name. A Spark type that
 * is in no row is refused everywhere.
 */
public enum ColumnType {
  BOOLEAN(BooleanColumn.class, "putBoolean", CachedAs.NUMBERS, BooleanType.class),
  BYTE(FixedWidthColumn.class, "putByte", CachedAs.NUMBERS, ByteType.class),
  SHORT(FixedWidthColumn.class, "putShort", CachedAs.NUMBERS, ShortType.class),
  INT(
      FixedWidthColumn.class,
      "putInt",
      CachedAs.NUMBERS,
      IntegerType.class,
      DateType.class,
      YearMonthIntervalType.class),
  LONG(
      FixedWidthColumn.class,
      "putLong",
      CachedAs.NUMBERS,
      LongType.class,
      TimestampType.class,
      TimestampNTZType.class,
      TimeType.class,
      DayTimeIntervalType.class),
  FLOAT(FixedWidthColumn.class, "putFloat", CachedAs.NUMBERS, FloatType.class),
  DOUBLE(FixedWidthColumn.class, "putDouble", CachedAs.NUMBERS, DoubleType.class),
  DECIMAL(DecimalColumn.class, "putDecimal", CachedAs.BYTES, DecimalType.class),
  STRING(BytesColumn.class, "putString", CachedAs.BYTES, StringType.class),
  BINARY(BytesColumn.class, "putBinary", CachedAs.BYTES, BinaryType.class),
  LIST(ListColumn.class, "putArray", CachedAs.BYTES, ArrayType.class),
  MAP(MapColumn.class, "putMap", CachedAs.BYTES, MapType.class),
  STRUCT(StructColumn.class, "putStruct", CachedAs.BYTES, StructType.class),
  VARIANT(VariantColumn.class, "putVariant", CachedAs.OTHER, VariantType.class),
  CALENDAR_INTERVAL(CalendarIntervalColumn.class, "putInterval", CachedAs.OTHER, CalendarIntervalType.class),
  /** Has nulls only, so it has no method for a value. */
  VOID(NullColumn.class, null, CachedAs.OTHER, NullType.class);

  /** How Spark's cache stores a column. */
  public enum CachedAs {
    /** Values of fixed width, which Spark decompresses into a column vector. */
    NUMBERS,
    /** Values of any length, which {@link CachedBytes} reads in place. */
    BYTES,
    /** A form that only Spark reads, as rows. */
    OTHER
  }

  private static final ColumnType[] VALUES = values();

  private final Class<? extends ColumnWriter> writer;
  private final Optional<String> putMethod;
  private final CachedAs cachedAs;
  private final List<Class<?>> sparkTypes;

  ColumnType(
      Class<? extends ColumnWriter> writer, String putMethod, CachedAs cachedAs, Class<?>... sparkTypes) {
    this.writer = writer;
    this.putMethod = Optional.ofNullable(putMethod);
    this.cachedAs = cachedAs;
    this.sparkTypes = List.of(sparkTypes);
  }

  /** The final class that writes such a column. */
  public Class<? extends ColumnWriter> writer() {
    return writer;
  }

  /** The writer's method that takes an index and a value as Spark holds it; none if there are no values. */
  public Optional<String> putMethod() {
    return putMethod;
  }

  public CachedAs cachedAs() {
    return cachedAs;
  }

  /** The Spark types, subclasses included, whose columns have this form. */
  public List<Class<?>> sparkTypes() {
    return sparkTypes;
  }

  /** The form of a Spark type, if it can cross. */
  public static Optional<ColumnType> find(DataType type) {
    DataType stored = storageOf(type);
    for (ColumnType candidate : VALUES) {
      for (Class<?> sparkType : candidate.sparkTypes) {
        if (sparkType.isInstance(stored)) {
          return Optional.of(candidate);
        }
      }
    }
    return Optional.empty();
  }

  /**
   * The form of a Spark type.
   *
   * @throws UnsupportedTypeException if it cannot cross
   */
  public static ColumnType of(DataType type) {
    return find(type).orElseThrow(
        () -> new UnsupportedTypeException("A column's type has no counterpart in a Ray Dataset. Type: " + type.sql()));
  }

  /** The type in which Spark stores values: that of a user-defined type is another one. */
  public static DataType storageOf(DataType type) {
    return type instanceof UserDefinedType<?> userDefined ? storageOf(userDefined.sqlType()) : type;
  }
}
