"""Names of log4j's settings, for programs that read them from RayDP 1.6."""

from __future__ import annotations

__all__ = [
    "RAY_LOG4J_CONFIG_FILE_NAME_DEFAULT",
    "RAY_LOG4J_CONFIG_FILE_NAME_KEY",
    "RAY_LOG4J_VERSION",
    "SPARK_LOG4J_CONFIG_FILE_NAME_DEFAULT",
    "SPARK_LOG4J_CONFIG_FILE_NAME_KEY",
    "SPARK_LOG4J_VERSION",
]

SPARK_LOG4J_VERSION = "log4j2"
"""The version of log4j in the driver JVM."""

SPARK_LOG4J_CONFIG_FILE_NAME_KEY = "log4j2.configurationFile"
"""The Java property that names a configuration of log4j. ``spark.raydp.driver.log4jConfiguration`` sets it."""

SPARK_LOG4J_CONFIG_FILE_NAME_DEFAULT = "log4j2-default.properties"
"""The name of the configuration that RayDP 1.6 used if there was no other."""

RAY_LOG4J_VERSION = "log4j2"
"""The version of log4j in executors."""

RAY_LOG4J_CONFIG_FILE_NAME_KEY = "log4j2.configurationFile"
"""The same property for executors. ``spark.raydp.executor.log4jConfiguration`` sets it."""

RAY_LOG4J_CONFIG_FILE_NAME_DEFAULT = "log4j2.xml"
"""The name of the configuration that RayDP 1.6 used for executors if there was no other."""
