package io.raydp.configuration

/** A setting that cannot be used. The message says what is wrong, how to correct it, and ends with the value. */
final class ConfigurationException(message: String) extends IllegalArgumentException(message)
