package io.raydp.exchange

/**
 * How an application's tasks reach the exchange agent of their node and authenticate to it. Tasks carry it, so its
 * string form omits the token.
 *
 * @param directory where the application's agents have their sockets, one per node
 * @param token the application's secret
 * @param waits how long the waits for an agent may take
 */
final case class AgentAddress(directory: String, application: String, token: Array[Byte], waits: TaskWaits) {
  override def toString: String = s"AgentAddress($application, $directory)"
}
