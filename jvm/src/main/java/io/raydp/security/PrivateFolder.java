package io.raydp.security;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;

/** A folder for native libraries that only this user can write to: nobody else can plant a library there. */
public final class PrivateFolder {
  private static Path own;

  private PrivateFolder() {}

  /**
   * The folder, which the JVMs of this user share. If another user has taken its name, this JVM gets one of its own,
   * which stays when it ends.
   *
   * @throws IOException it cannot be created, or others can write to a folder above it
   */
  public static synchronized Path forNativeLibraries() throws IOException {
    // The numeric id: a container's user may have no name.
    Object user = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    Path shared = Path.of(System.getProperty("java.io.tmpdir"), "raydp-native-" + user);
    Path folder = own != null ? own : shared;
    if (own == null && !create(shared)) {
      own = Files.createTempDirectory("raydp-native-");
      folder = own;
    }
    Optional<Path> untrusted = TrustedPaths.findUntrusted(folder);
    if (untrusted.isPresent()) {
      throw new IOException("Other users can replace the files in this folder: " + untrusted.get());
    }
    return folder;
  }

  /** Creates the folder, or accepts the one that exists; returns whether it is private now. */
  private static boolean create(Path folder) throws IOException {
    try {
      var ownerOnly = PosixFilePermissions.fromString("rwx------");
      Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(ownerOnly));
      return true;
    } catch (FileAlreadyExistsException e) {
      return TrustedPaths.isPrivate(folder);
    }
  }
}
