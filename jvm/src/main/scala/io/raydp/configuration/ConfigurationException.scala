package io.raydp.configuration

/** A setting is wrong. The message names the problem and the fix, and ends with the value. */
final class ConfigurationException(message: String) extends IllegalArgumentException(message)
