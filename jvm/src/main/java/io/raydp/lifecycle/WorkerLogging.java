package io.raydp.lifecycle;

import java.util.ArrayList;
import java.util.List;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.config.Configuration;
import org.apache.logging.log4j.core.config.ConfigurationFactory;

/**
 * The user's log4j configuration in Ray's Java workers.
 *
 * <p>Ray replaces log4j's configuration in every worker, after the JVM has started and before it creates an actor. So our
 * actors use the user's configuration when Ray creates them. Until then, the configuration travels under other names:
 * with log4j's own, a worker would load it twice, and write Ray's mistakes to the user's terminal.
 */
final class WorkerLogging {
  /** The Java property that names a log4j configuration. */
  private static final String CONFIGURATION = "log4j2.configurationFile";

  /** All properties with this meaning. log4j reads the first one that is set; the last one is of log4j 1. */
  private static final List<String> NAMES = List.of(CONFIGURATION, "log4j.configurationFile", "log4j.configuration");

  private static final String PREFIX = "raydp.";

  /** What a worker logs with until Ray sets up its own logging: nothing. */
  static final String START_OPTION = "-D" + CONFIGURATION + "=classpath:io/raydp/lifecycle/worker-log4j2.xml";

  private WorkerLogging() {}

  /** The option with which a worker uses this configuration. */
  static String option(String configuration) {
    return deferred("-D" + CONFIGURATION + "=" + configuration);
  }

  /** Turns an option of a worker's JVM that names a log4j configuration into one that {@link #useConfiguration} reads. */
  static String deferred(String option) {
    boolean configures = NAMES.stream().anyMatch(name -> option.startsWith("-D" + name + "="));
    return configures ? "-D" + PREFIX + option.substring("-D".length()) : option;
  }

  /**
   * Uses the configuration that {@link #deferred} options name, if there is one.
   *
   * <p>If this node has no such configuration, Ray's stays, and the log says so: without a log, nobody could find the
   * mistake.
   */
  static void useConfiguration() {
    List<String> given = new ArrayList<>(NAMES);
    given.removeIf(name -> System.getProperty(PREFIX + name) == null);
    if (given.isEmpty()) return;
    Logger log = LogManager.getLogger(WorkerLogging.class);
    try {
      NAMES.forEach(System::clearProperty);
      given.forEach(name -> System.setProperty(name, System.getProperty(PREFIX + name)));
      LoggerContext context = (LoggerContext) LogManager.getContext(false);
      Configuration configuration = ConfigurationFactory.getInstance().getConfiguration(context, "raydp", null);
      if (configuration == null) log.warn(missing(given.get(0)));
      else context.reconfigure(configuration);
    } catch (RuntimeException | LinkageError e) {
      log.warn(missing(given.get(0)), e);
    }
  }

  private static String missing(String name) {
    return "The log4j configuration cannot be loaded, so this process keeps Ray's. It must be a file on this node, a URL, or "
        + "a name on the class path. Property: " + name + "; value: " + System.getProperty(name);
  }
}
