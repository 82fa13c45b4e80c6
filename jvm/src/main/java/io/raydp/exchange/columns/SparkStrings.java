package io.raydp.exchange.columns;

import static java.lang.invoke.MethodType.methodType;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * Creates Spark's strings over memory outside the heap, without {@code UTF8String}'s constructor.
 *
 * <p>Since Spark 4.0, the constructor writes four volatile fields, each with a memory barrier, which takes longer than
 * everything else for a short string. Here, plain writes set the same values: no other thread has the object yet. A
 * constructor without barriers would replace this. If the class has other fields than those known here, or fields of
 * other types, the constructor is used.
 */
public final class SparkStrings {
  /** The fields that are set here, with their types. Two are enums that only Spark can name. */
  private static final Map<String, Class<?>> FIELDS =
      Map.of(
          "base", Object.class,
          "offset", long.class,
          "numBytes", int.class,
          "numChars", int.class,
          "isValid", Enum.class,
          "numBytesValid", int.class,
          "isFullAscii", Enum.class);

  private static final boolean IS_KNOWN = hasKnownFields(UTF8String.class);

  private static final MethodHandle ALLOCATE = IS_KNOWN ? allocation() : null;
  private static final VarHandle OFFSET = field("offset");
  private static final VarHandle BYTES = field("numBytes");
  private static final VarHandle CHARACTERS = field("numChars");
  private static final VarHandle VALIDITY = field("isValid");
  private static final VarHandle VALID_BYTES = field("numBytesValid");
  private static final VarHandle ASCII = field("isFullAscii");

  private static final UTF8String NEW = new UTF8String();
  private static final int NO_CHARACTERS = IS_KNOWN ? (int) CHARACTERS.get(NEW) : 0;
  private static final Object NO_VALIDITY = IS_KNOWN ? VALIDITY.get(NEW) : null;
  private static final int NO_VALID_BYTES = IS_KNOWN ? (int) VALID_BYTES.get(NEW) : 0;
  private static final Object NO_ASCII = IS_KNOWN ? ASCII.get(NEW) : null;

  private SparkStrings() {}

  /** Whether a class has exactly the instance fields that are set here, with their types. */
  static boolean hasKnownFields(Class<?> strings) {
    Map<String, Class<?>> found =
        Arrays.stream(strings.getDeclaredFields())
            .filter(field -> !Modifier.isStatic(field.getModifiers()))
            .collect(Collectors.toMap(Field::getName, SparkStrings::kindOf));
    return found.equals(FIELDS);
  }

  /** The type of a field, or {@code Enum} for any enum. */
  private static Class<?> kindOf(Field field) {
    return field.getType().isEnum() ? Enum.class : field.getType();
  }

  /** Returns the string over {@code bytes} bytes at an address. It is valid as long as that memory. */
  public static UTF8String at(long address, int bytes) {
    if (!IS_KNOWN) {
      return UTF8String.fromAddress(null, address, bytes);
    }
    UTF8String string = allocate();
    OFFSET.set(string, address);
    BYTES.set(string, bytes);
    CHARACTERS.set(string, NO_CHARACTERS);
    VALIDITY.set(string, NO_VALIDITY);
    VALID_BYTES.set(string, NO_VALID_BYTES);
    ASCII.set(string, NO_ASCII);
    return string;
  }

  private static UTF8String allocate() {
    try {
      return (UTF8String) ALLOCATE.invokeExact();
    } catch (Throwable error) { // the declared exception of method handles
      throw new IllegalStateException(error);
    }
  }

  /** Java has no other way to create an object without running a constructor; Spark itself uses this class. */
  private static MethodHandle allocation() {
    try {
      Class<?> unsafe = Class.forName("sun.misc.Unsafe");
      Field instance = unsafe.getDeclaredField("theUnsafe");
      instance.setAccessible(true);
      MethodHandle allocate =
          MethodHandles.lookup().findVirtual(unsafe, "allocateInstance", methodType(Object.class, Class.class));
      return MethodHandles.insertArguments(allocate, 0, instance.get(null), UTF8String.class)
          .asType(methodType(UTF8String.class));
    } catch (ReflectiveOperationException error) {
      throw new ExceptionInInitializerError(error);
    }
  }

  private static VarHandle field(String name) {
    if (!IS_KNOWN) {
      return null;
    }
    try {
      Field field = UTF8String.class.getDeclaredField(name);
      return MethodHandles.privateLookupIn(UTF8String.class, MethodHandles.lookup()).unreflectVarHandle(field);
    } catch (ReflectiveOperationException error) {
      throw new ExceptionInInitializerError(error);
    }
  }
}
