package io.raydp.security

import java.nio.file.{FileSystemException, Files, LinkOption, Path}
import java.nio.file.attribute.PosixFilePermissions

import org.scalatest.BeforeAndAfterEach
import org.scalatest.funsuite.AnyFunSuite

/** Whose files may be loaded. `tests/machine/test_trusted_paths.py` checks the same cases of Python's rule. */
final class TrustedPathsSuite extends AnyFunSuite with BeforeAndAfterEach {
  private val OtherUser = Integer.valueOf(54321)
  private var folder: Path = _

  override def beforeEach(): Unit = {
    folder = Files.createTempDirectory(Path.of("/tmp"), "trust-")
    permit(folder, "rwxr-xr-x")
  }

  override def afterEach(): Unit = {
    val paths = Files.walk(folder)
    try paths.sorted(java.util.Comparator.reverseOrder[Path]()).forEach(Files.delete(_))
    finally paths.close()
  }

  private def permit(path: Path, permissions: String): Unit = {
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions))
    ()
  }

  private def makeFile(path: Path, permissions: String = "rw-r--r--"): Path = {
    Files.createDirectories(path.getParent)
    Files.writeString(path, "x")
    permit(path, permissions)
    path
  }

  private def giveAway(path: Path): Unit = {
    assume(Files.getAttribute(Path.of("/proc/self"), "unix:uid") == 0, "only root can give files to another user")
    Files.setAttribute(path, "unix:uid", OtherUser, LinkOption.NOFOLLOW_LINKS)
    ()
  }

  private def untrusted(path: Path): Option[Path] = {
    val found = TrustedPaths.findUntrusted(path)
    Option.when(found.isPresent)(found.get)
  }

  test("Own files in a sticky folder are trusted") {
    val file = makeFile(folder.resolve("a/file"))
    assert(untrusted(file).isEmpty && TrustedPaths.isTrusted(file))
    assert(!TrustedPaths.isTrusted(folder.resolve("missing")))
  }

  test("What others can write is not trusted") {
    val file = makeFile(folder.resolve("a/file"))
    permit(file.getParent, "rwxrwxrwx")
    assert(untrusted(file).contains(file.getParent))
    permit(file.getParent, "rwxr-xr-x")
    permit(file, "rw-r--rw-")
    assert(untrusted(file).contains(file))
  }

  test("A sticky folder protects what it contains, but not itself") {
    val file = makeFile(folder.resolve("a/file"))
    Files.setAttribute(file.getParent, "unix:mode", Integer.valueOf(0x3ff)) // 1777 in octal digits
    assert(untrusted(file).isEmpty)
    assert(untrusted(file.getParent).contains(file.getParent))
  }

  test("What nobody can reach need not be protected itself") {
    val file = makeFile(folder.resolve("a/b/file"), "rw-rw-rw-")
    permit(file.getParent, "rwxrwxrwx")
    permit(folder.resolve("a"), "rwx------")
    assert(untrusted(file).isEmpty)
    assert(untrusted(Files.createSymbolicLink(folder.resolve("link"), file)).isEmpty)
    val open = makeFile(folder.resolve("open"), "rw-rw-rw-")
    assert(untrusted(Files.createSymbolicLink(folder.resolve("a/out"), Path.of("../open"))).contains(open))
  }

  test("Links are followed") {
    val file = makeFile(folder.resolve("real/file"))
    Seq(file.getParent, Path.of("real"), Path.of("..").resolve(folder.getFileName).resolve("real")).foreach { target =>
      val link = Files.createSymbolicLink(folder.resolve("link"), target)
      assert(untrusted(link.resolve("file")).isEmpty)
      permit(file.getParent, "rwxrwxrwx")
      assert(untrusted(link.resolve("file")).contains(file.getParent))
      permit(file.getParent, "rwxr-xr-x")
      Files.delete(link)
    }
    val circle = Files.createSymbolicLink(folder.resolve("circle"), Path.of("circle"))
    intercept[FileSystemException](TrustedPaths.findUntrusted(circle))
  }

  test("What belongs to another user is not trusted") {
    val file = makeFile(folder.resolve("a/file"))
    val link = Files.createSymbolicLink(folder.resolve("link"), makeFile(folder.resolve("own")))
    giveAway(file)
    assert(untrusted(file).contains(file))
    giveAway(link)
    assert(untrusted(link).contains(link))
  }

  test("If another user has taken the name of the folder for native libraries, a JVM uses one of its own") {
    val property = "java.io.tmpdir"
    val former = System.setProperty(property, folder.toString)
    try {
      val shared = PrivateFolder.forNativeLibraries()
      assert(shared.getParent == folder && TrustedPaths.isPrivate(shared))
      permit(shared, "rwxrwxrwx")
      val own = PrivateFolder.forNativeLibraries()
      assert(own != shared && TrustedPaths.isPrivate(own))
      assert(PrivateFolder.forNativeLibraries() == own)
      Files.delete(own)
    } finally System.setProperty(property, former)
  }

  test("If the folder for temporary files is below one of another user, as in YARN's containers, /tmp is used") {
    val property = "java.io.tmpdir"
    val container = Files.createDirectories(folder.resolve("of-yarn/usercache/container/tmp"))
    giveAway(folder.resolve("of-yarn"))
    val former = System.setProperty(property, container.toString)
    try {
      val used = PrivateFolder.forNativeLibraries()
      assert(!used.startsWith(folder) && untrusted(used).isEmpty)
    } finally System.setProperty(property, former)
  }
}
