package io.raydp.lifecycle;

import io.ray.api.Ray;
import io.ray.runtime.DefaultRayRuntimeFactory;
import io.ray.runtime.util.BinaryFileUtil;
import io.ray.runtime.util.JniUtils;
import io.ray.runtime.util.LoggingUtil;
import java.lang.reflect.Field;
import java.net.URI;
import java.net.URISyntaxException;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.config.Configuration;
import org.apache.logging.log4j.core.config.Configurator;

/** Every use of a class of Ray that is not its public API. */
final class RayInternals {
  private static final String SPARK_LOGGING = "org/apache/spark/log4j2-defaults.properties";

  private RayInternals() {}

  /**
   * Keeps the driver's logging as Spark set it up.
   *
   * <p>Why: {@code Ray.init} replaces log4j's configuration by its own, on standard output, and ray_dist.jar holds a
   * log4j2.xml that takes effect where the user has no configuration. A setting of Ray's that leaves logging alone
   * would replace this.
   */
  static synchronized void keepDriverLogging() {
    try {
      Field done = LoggingUtil.class.getDeclaredField("setup");
      done.setAccessible(true);
      done.setBoolean(null, true);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(
          "This version of Ray cannot be kept from replacing Spark's logging; use the Ray version that raydp names", e);
    }
    if (LogManager.getContext(false) instanceof LoggerContext context && isOfRay(context.getConfiguration())) {
      useSparkLogging(context);
    }
  }

  private static boolean isOfRay(Configuration configuration) {
    String location = configuration.getConfigurationSource().getLocation();
    return location != null && location.contains("ray_dist.jar");
  }

  private static void useSparkLogging(LoggerContext context) {
    try {
      context.setConfigLocation(new URI("classpath:" + SPARK_LOGGING));
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
    // As Spark's own shells do: what a user sees by default are warnings.
    Configurator.setRootLevel(Level.WARN);
  }

  /**
   * Loads Ray's native library from the session's folder, where a Java worker puts it as well.
   *
   * <p>Why: {@code Ray.init} in a driver unpacks these 40 MB to a new folder below /tmp/ray every time and leaves
   * them there. A fix upstream, the session's folder for drivers too, would replace this.
   */
  static void loadNativeLibrary(String sessionDirectory) {
    JniUtils.loadLibrary(sessionDirectory, BinaryFileUtil.CORE_WORKER_JAVA_LIBRARY, true);
  }

  /**
   * Joins the cluster as {@code Ray.init} does, without its shutdown hook: who calls this shuts Ray down.
   *
   * <p>Why: that hook runs beside Spark's own and frees Ray while the SparkContext still ends its executors, which
   * ends the process with Ray's exit code instead of the program's. Shutdown hooks with an order, or an init without
   * one, would replace this.
   */
  static void join() {
    synchronized (Ray.class) {
      try {
        Field runtime = Ray.class.getDeclaredField("runtime");
        runtime.setAccessible(true);
        if (runtime.get(null) == null) runtime.set(null, new DefaultRayRuntimeFactory().createRayRuntime());
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(
            "This version of Ray cannot be joined without its shutdown hook; use the Ray version that raydp names", e);
      }
    }
  }
}
