package io.raydp.exchange

import java.nio.file.attribute.PosixFilePermissions
import java.nio.file.{Files, Path}

import org.scalatest.BeforeAndAfterEach
import org.scalatest.funsuite.AnyFunSuite

/** How an executor finds the agent's socket, with and without knowing its Ray node. No Spark and no Ray. */
final class AgentLocatorSuite extends AnyFunSuite with BeforeAndAfterEach {
  private val NodeProperty = "raydp.node.id"
  private var folder: Path = _

  override def beforeEach(): Unit = folder = Files.createTempDirectory("locator")

  override def afterEach(): Unit = {
    System.clearProperty(NodeProperty)
    Files.list(folder).forEach(file => Files.delete(file))
    Files.delete(folder)
  }

  test("an executor that knows its node takes that node's socket, whether or not it exists") {
    System.setProperty(NodeProperty, "0123456789abcdef0123")
    touch("other.sock")
    assert(AgentLocator.socketHere(address) == folder.resolve("0123456789abcdef.sock"))
  }

  test("another executor takes the socket that is there, and not one whose agent is not ready") {
    touch("0123456789abcdef.4711")
    touch("fedcba9876543210.sock")
    assert(AgentLocator.socketHere(address) == folder.resolve("fedcba9876543210.sock"))
  }

  test("each attempt takes another socket, because one may belong to an agent that was lost") {
    Seq("a.sock", "b.sock").foreach(touch)
    val tried = (0 to 1).map(AgentLocator.socketHere(address, _).getFileName.toString)
    assert(tried.toSet == Set("a.sock", "b.sock"))
    assert(AgentLocator.socketHere(address, 2) == AgentLocator.socketHere(address))
  }

  test("while there is no socket, and no folder, it waits for one in the application's folder") {
    assert(AgentLocator.socketHere(address).getParent == folder)
    assert(AgentLocator.socketHere(addressIn(folder.resolve("app"))).getParent == folder.resolve("app"))
  }

  test("an executor of another user than the agents is told apart, unless it is told where the socket is") {
    val own = Files.getAttribute(folder, "unix:uid").asInstanceOf[Int]
    def found(name: String) = AgentLocator.otherUser(addressIn(folder.resolve(name).resolve("app")))
    assert(found(s"raydp-${own + 1}").contains((own + 1) -> own))
    for (name <- Seq(s"raydp-$own", "raydp-of-no-user", s"raydp-${own + 1}-hash")) assert(found(name).isEmpty, name)
    System.setProperty(NodeProperty, "0123456789abcdef0123")
    assert(found(s"raydp-${own + 1}").isEmpty)
  }

  test("in a folder that this user may not enter, there is no socket") {
    val closed = Files.createDirectory(folder.resolve("closed"))
    Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("---------"))
    assume(!Files.isReadable(closed), "the administrator may enter every folder")
    assert(AgentLocator.socketHere(addressIn(closed)) == closed.resolve("none.sock"))
  }

  private def touch(name: String): Unit = {
    Files.createFile(folder.resolve(name))
    ()
  }

  private def address: AgentAddress = addressIn(folder)

  private def addressIn(directory: Path): AgentAddress =
    AgentAddress(directory.toString, "application", new Array[Byte](32), SampleWaits.of(1000))
}
