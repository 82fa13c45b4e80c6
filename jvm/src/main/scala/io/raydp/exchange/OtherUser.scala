package io.raydp.exchange

import java.net.InetAddress

import org.apache.spark.SparkEnv
import org.apache.spark.raydp.RelayTransport

/** Says why an executor of another user shares no memory with the agents of its machine. */
private[exchange] object OtherUser {

  def error(address: AgentAddress, cause: ExchangeException): ExchangeException = {
    val users = AgentLocator.otherUser(address).fold("") { case (agents, own) =>
      s", Ray's user: $agents, its user: $own"
    }
    new ExchangeException(
      ExchangeErrorCode.CONNECTION_REFUSED,
      "This executor runs as another user than Ray, so they share no memory. Run both as one user, or let the data " +
        "travel over TCP: raydp.attach(spark, exchange=\"auto\"). Host: " + host + users,
      cause)
  }

  private def host: String =
    Option(SparkEnv.get).fold(InetAddress.getLocalHost.getHostName)(_ => RelayTransport.ownHost)
}
