package io.raydp.lifecycle;

import io.ray.api.Ray;
import io.ray.runtime.DefaultRayRuntimeFactory;
import io.ray.runtime.util.BinaryFileUtil;
import io.ray.runtime.util.JniUtils;
import io.ray.runtime.util.LoggingUtil;
import io.raydp.security.PrivateFolder;
import io.raydp.security.TrustedPaths;
import java.io.IOException;
import java.lang.reflect.Field;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.config.Configuration;
import org.apache.logging.log4j.core.config.Configurator;

/** All uses of Ray's classes outside its public API. */
final class RayInternals {
  private static final String SPARK_LOGGING = "org/apache/spark/log4j2-defaults.properties";

  private RayInternals() {}

  /**
   * Keeps the driver's logging as Spark set it up.
   *
   * <p>Why: {@code Ray.init} replaces log4j's configuration with its own, on standard output, and ray_dist.jar contains a
   * log4j2.xml that takes effect if the user has no configuration. A setting of Ray that leaves logging alone would
   * replace this.
   */
  static synchronized void keepDriverLogging() {
    try {
      Field done = LoggingUtil.class.getDeclaredField("setup");
      done.setAccessible(true);
      done.setBoolean(null, true);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(
          "This version of Ray replaces Spark's logging, and raydp cannot prevent it. Use the Ray version that raydp requires", e);
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
    // Like Spark's own shells: by default, a user sees warnings.
    Configurator.setRootLevel(Level.WARN);
  }

  /**
   * Loads Ray's native library from the session's folder, where Java workers put it too. If other users can write to that
   * folder, the library comes from a folder that is private to this user.
   *
   * <p>Why: in a driver, {@code Ray.init} unpacks these 40 MB into a new folder in /tmp/ray every time and never deletes
   * it. A fix upstream, the session's folder for drivers too, would replace this.
   */
  static void loadNativeLibrary(String sessionDirectory) {
    JniUtils.loadLibrary(
        TrustedPaths.isTrusted(Path.of(sessionDirectory)) ? sessionDirectory : privateFolder().toString(),
        BinaryFileUtil.CORE_WORKER_JAVA_LIBRARY,
        true);
  }

  /** One folder for each build of Ray, so the library is unpacked once. */
  private static Path privateFolder() {
    try {
      Path jar = Path.of(JniUtils.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      String build = Files.size(jar) + "-" + Files.getLastModifiedTime(jar).toMillis();
      return Files.createDirectories(PrivateFolder.forNativeLibraries().resolve("ray-" + build));
    } catch (IOException | URISyntaxException e) {
      throw new IllegalStateException("Ray's native library cannot be unpacked. Make java.io.tmpdir writable", e);
    }
  }

  /**
   * Joins the cluster like {@code Ray.init}, but without its shutdown hook: the caller must shut Ray down.
   *
   * <p>Why: that hook runs concurrently with Spark's own and frees Ray while the SparkContext still ends its executors.
   * The process then ends with Ray's exit code instead of the program's. Ordered shutdown hooks, or an init without a
   * hook, would replace this.
   *
   * @throws ReflectiveOperationException this version of Ray cannot be joined in this way
   */
  static void join() throws ReflectiveOperationException {
    synchronized (Ray.class) {
      Field runtime = Ray.class.getDeclaredField("runtime");
      runtime.setAccessible(true);
      if (runtime.get(null) == null) runtime.set(null, new DefaultRayRuntimeFactory().createRayRuntime());
    }
  }
}
