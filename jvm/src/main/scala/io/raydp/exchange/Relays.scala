package io.raydp.exchange

import java.io.IOException

import scala.collection.mutable
import scala.util.Using
import scala.util.control.NonFatal

import io.raydp.configuration.RaydpConfiguration
import org.apache.spark.network.client.TransportClient
import org.apache.spark.raydp.RelayTransport
import org.slf4j.LoggerFactory

/**
 * This process' relay, if it has one.
 *
 * The driver's listens from its first conversion on, because tasks find out where they run that they have no agent.
 * Executors become relays if there are such tasks, and while they have a connection to the driver.
 */
private[exchange] object Relays {
  private val log = LoggerFactory.getLogger(getClass)

  private var server: Option[(RelayServer, RelayAddress)] = None

  /** The applications that this executor has offered the driver to serve. */
  private val offered = mutable.Set.empty[String]

  /** How tasks find the relays of an application, of which this process is the driver. */
  def ofDriver(address: AgentAddress, hostsWithoutNode: Set[String], port: Int): RelayAccess = synchronized {
    val (serving, driver) = listening(port)
    serving.serve(address)
    RelayAccess(driver, port, hostsWithoutNode, isNeeded = hostsWithoutNode.nonEmpty || serving.wasAsked)
  }

  /** Ends the driver's relay. The other relays of the application end with it. */
  def close(): Unit = synchronized {
    server.foreach(_._1.close())
    server = None
    offered.clear()
    RelayTransport.close()
  }

  /**
   * Makes this executor, which has an agent, a relay of the application if that is needed, until the driver's relay
   * ends. Does not wait.
   */
  def offer(address: AgentAddress, access: RelayAccess): Unit =
    if (access.isNeeded && !RelayTransport.isDriver && synchronized(offered.add(address.application))) {
      val thread = new Thread((() => tryOffer(address, access)): Runnable, "raydp-exchange-relay-offer")
      thread.setDaemon(true)
      thread.start()
    }

  private def tryOffer(address: AgentAddress, access: RelayAccess): Unit =
    try {
      val relay = synchronized {
        val (serving, relay) = listening(access.port)
        serving.serve(address)
        relay
      }
      Using.resource(new RelayConnection(connect(access.driver), access.driver)) { driver =>
        driver.call(RelayRequest.OfferRelay(address.application, address.token, relay))
        log.info(s"This executor is a relay of ${address.application}: $relay")
        driver.awaitEnd()
      }
    } catch {
      case NonFatal(failure) =>
        log.warn("This executor cannot be a relay for executors without an exchange agent", failure)
    } finally withdraw(address.application)

  private def withdraw(application: String): Unit = synchronized {
    offered -= application
    server.foreach(_._1.forget(application))
    if (offered.isEmpty) {
      server.foreach(_._1.close())
      server = None
    }
  }

  private def listening(port: Int): (RelayServer, RelayAddress) = server.getOrElse {
    val created = new RelayServer(AgentConnectionPool.shared)
    val address =
      try created.listen(RelayTransport.shared, port)
      catch {
        case failure: IOException =>
          created.close()
          throw new ExchangeException(
            ExchangeErrorCode.IO,
            "This process cannot listen for executors without an exchange agent. Correct spark.driver.host or " +
              s"spark.driver.bindAddress, choose another ${RaydpConfiguration.ExchangeRelayPort.key}, raise " +
              "spark.port.maxRetries, or attach with exchange=\"shared-memory\". Address: " +
              s"${RelayTransport.ownAddress}, port: $port, reason: $failure",
            failure)
      }
    server = Some(created -> address)
    created -> address
  }

  /**
   * @throws ExchangeException with code CONNECTION_CLOSED if nobody answers there
   */
  def connect(relay: RelayAddress): TransportClient =
    try RelayTransport.shared.connect(relay.host, relay.port)
    catch {
      case failure @ (_: IOException | _: RuntimeException) =>
        SilentRelays.add(relay)
        throw new ExchangeException(
          ExchangeErrorCode.CONNECTION_CLOSED,
          s"A relay does not answer, or refuses this executor's secret. Relay: $relay, reason: $failure",
          failure)
    }
}
