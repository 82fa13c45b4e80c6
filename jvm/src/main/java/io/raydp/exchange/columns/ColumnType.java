package io.raydp.exchange.columns;

import io.raydp.exchange.columns.ArrowLayout.Kind;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.BooleanType;
import org.apache.spark.sql.types.ByteType;
import org.apache.spark.sql.types.CalendarIntervalType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
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
import org.apache.spark.sql.types.TimestampNTZType;
import org.apache.spark.sql.types.TimestampType;
import org.apache.spark.sql.types.UserDefinedType;
import org.apache.spark.sql.types.YearMonthIntervalType;

/**
 * The table of all types that cross between Spark and Ray. Each row is one form of a column: its layout in Arrow, its
 * writer, the writer's method for a value, how Spark's cache stores it, and the Spark types that have this form.
 *
 * <p>Nothing else knows the forms: columns are written, read and compiled by what their row says. A Spark type that is
 * in no row is refused everywhere.
 */
public enum ColumnType {
  BOOLEAN(
      ArrowLayout.of(Kind.BITS),
      BooleanColumn.class,
      BooleanColumn::new,
      "putBoolean",
      CachedAs.NUMBERS,
      BooleanType.class),
  BYTE(Primitive.BYTE, "putByte", ByteType.class),
  SHORT(Primitive.SHORT, "putShort", ShortType.class),
  INT(Primitive.INT, "putInt", IntegerType.class, DateType.class, YearMonthIntervalType.class),
  LONG(
      Primitive.LONG,
      "putLong",
      LongType.class,
      TimestampType.class,
      TimestampNTZType.class,
      LaterTypes.TIME,
      DayTimeIntervalType.class),
  FLOAT(Primitive.FLOAT, "putFloat", FloatType.class),
  DOUBLE(Primitive.DOUBLE, "putDouble", DoubleType.class),
  DECIMAL(
      ArrowLayout.fixedWidth(16),
      DecimalColumn.class,
      DecimalColumn::new,
      "putDecimal",
      CachedAs.BYTES,
      DecimalType.class),
  STRING(
      ArrowLayout.of(Kind.BYTES), BytesColumn.class, BytesColumn::new, "putString", CachedAs.BYTES, StringType.class),
  BINARY(
      ArrowLayout.of(Kind.BYTES), BytesColumn.class, BytesColumn::new, "putBinary", CachedAs.BYTES, BinaryType.class),
  LIST(ArrowLayout.of(Kind.LIST), ListColumn.class, ListColumn::new, "putArray", CachedAs.BYTES, ArrayType.class),
  MAP(ArrowLayout.of(Kind.MAP), MapColumn.class, MapColumn::new, "putMap", CachedAs.BYTES, MapType.class),
  STRUCT(
      ArrowLayout.of(Kind.STRUCT),
      StructColumn.class,
      StructColumn::new,
      "putStruct",
      CachedAs.BYTES,
      StructType.class),
  VARIANT(
      ArrowLayout.ofParts(
          new StructType().add("value", DataTypes.BinaryType).add("metadata", DataTypes.BinaryType)),
      VariantColumn.class,
      VariantColumn::new,
      "putVariant",
      CachedAs.OTHER,
      VariantColumn.SPARK_TYPE),
  CALENDAR_INTERVAL(
      ArrowLayout.ofParts(
          new StructType()
              .add("months", DataTypes.IntegerType)
              .add("days", DataTypes.IntegerType)
              .add("microseconds", DataTypes.LongType)),
      CalendarIntervalColumn.class,
      CalendarIntervalColumn::new,
      "putInterval",
      CachedAs.OTHER,
      CalendarIntervalType.class),
  /** Has nulls only, so it has no method for a value. */
  VOID(ArrowLayout.of(Kind.NULLS), NullColumn.class, NullColumn::new, null, CachedAs.OTHER, NullType.class);

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

  private final ArrowLayout layout;
  private final Class<? extends ColumnWriter> writer;
  private final Function<ColumnPlan, ? extends ColumnWriter> newWriter;
  private final Optional<String> putMethod;
  private final CachedAs cachedAs;
  private final List<Class<?>> sparkTypes;

  /** A form in which each slot is a Java primitive. */
  ColumnType(Primitive primitive, String putMethod, Class<?>... sparkTypes) {
    this(
        ArrowLayout.fixedWidth(primitive.bytes),
        FixedWidthColumn.class,
        plan -> new FixedWidthColumn(plan, primitive),
        putMethod,
        CachedAs.NUMBERS,
        sparkTypes);
  }

  <W extends ColumnWriter> ColumnType(
      ArrowLayout layout,
      Class<W> writer,
      Function<ColumnPlan, W> newWriter,
      String putMethod,
      CachedAs cachedAs,
      Class<?>... sparkTypes) {
    this.layout = layout;
    this.writer = writer;
    this.newWriter = newWriter;
    this.putMethod = Optional.ofNullable(putMethod);
    this.cachedAs = cachedAs;
    this.sparkTypes = List.of(sparkTypes);
  }

  public ArrowLayout layout() {
    return layout;
  }

  ColumnWriter newWriter(ColumnPlan plan) {
    return newWriter.apply(plan);
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
