package io.raydp.exchange

/**
 * How an application's tasks reach the exchange agent of their node and authenticate to it. Tasks carry it, so its
 * string form omits the token.
 *
 * @param directory where the application's agents have their sockets, one per node
 * @param token the application's secret
 * @param waits how long the waits for an agent may take
 * @param relays how a task without an agent on its machine finds another machine's; none if it may not
 */
final case class AgentAddress(
    directory: String,
    application: String,
    token: Array[Byte],
    waits: TaskWaits,
    relays: Option[RelayAccess] = None) {
  override def toString: String = s"AgentAddress($application, $directory)"
}

/**
 * Where the driver tells tasks which relays there are. It is one of them, if its own machine has an agent.
 *
 * @param port where relays listen, or one of the next ports if it is taken; 0 for any
 * @param hostsWithoutNode hosts with executors where the driver found no Ray node
 * @param isNeeded whether executors with an agent should become relays
 */
final case class RelayAccess(driver: RelayAddress, port: Int, hostsWithoutNode: Set[String], isNeeded: Boolean)

/** Where a relay listens. */
final case class RelayAddress(host: String, port: Int) {
  override def toString: String = s"$host:$port"
}
