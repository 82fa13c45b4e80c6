package io.raydp.exchange;

/**
 * The bound of one wait of a task for its agent.
 *
 * @param setting key of the setting that raises it
 */
public record AgentWait(int millis, String setting) {}
