package io.raydp.exchange.columns;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.reflect.Array;
import org.apache.spark.sql.execution.columnar.ColumnAccessor$;
import org.apache.spark.sql.execution.vectorized.OnHeapColumnVector;
import org.apache.spark.sql.execution.vectorized.WritableColumnVector;
import org.apache.spark.sql.types.DataType;

/**
 * All uses of the private parts of Spark's column vectors and cache, the reason for each, and the public API that would
 * replace it:
 *
 * <ul>
 *   <li>The arrays of {@code OnHeapColumnVector}: its public bulk reads copy every range into a new array, a second
 *       copy of all data. A bulk read into memory would replace it.
 *   <li>{@code ColumnAccessor.decompress}: reads one column of numbers of a cached batch. The public
 *       {@code CachedBatchSerializer} does so too, but only for frames in which all columns are numbers.
 *   <li>The format of a cached column of bytes, in {@link CachedBytes}, for the same reason.
 * </ul>
 */
public final class SparkVectorInternals {
  private static final VarHandle BYTES = array("byteData", byte[].class);
  private static final VarHandle SHORTS = array("shortData", short[].class);
  private static final VarHandle INTS = array("intData", int[].class);
  private static final VarHandle LONGS = array("longData", long[].class);
  private static final VarHandle FLOATS = array("floatData", float[].class);
  private static final VarHandle DOUBLES = array("doubleData", double[].class);

  private SparkVectorInternals() {}

  /** Returns the vector's array of this primitive, or null if it has none or one with fewer than {@code end} values. */
  static Object values(OnHeapColumnVector vector, Primitive primitive, int end) {
    Object array =
        switch (primitive) {
          case BYTE -> (byte[]) BYTES.get(vector);
          case SHORT -> (short[]) SHORTS.get(vector);
          case INT -> (int[]) INTS.get(vector);
          case LONG -> (long[]) LONGS.get(vector);
          case FLOAT -> (float[]) FLOATS.get(vector);
          case DOUBLE -> (double[]) DOUBLES.get(vector);
        };
    return array == null || Array.getLength(array) < end ? null : array;
  }

  /** Decompresses a column of a cached batch that {@link ColumnType.CachedAs#NUMBERS} describes. */
  public static void decompress(byte[] column, WritableColumnVector target, DataType type, int rows) {
    ColumnAccessor$.MODULE$.decompress(column, target, type, rows);
  }

  private static VarHandle array(String name, Class<?> type) {
    try {
      return MethodHandles.privateLookupIn(OnHeapColumnVector.class, MethodHandles.lookup())
          .findVarHandle(OnHeapColumnVector.class, name, type);
    } catch (ReflectiveOperationException error) {
      throw new ExceptionInInitializerError(error);
    }
  }
}
