package io.raydp.exchange

/**
 * The bound of one wait of a task for its agent.
 *
 * @param setting key of the setting that raises it
 */
final class AgentWait(val millis: Int, val setting: String)
