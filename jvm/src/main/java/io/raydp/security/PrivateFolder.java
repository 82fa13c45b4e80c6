package io.raydp.security;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A folder for native libraries that only this user can write to: nobody else can plant a library there. */
public final class PrivateFolder {
  /**
   * Where folders for temporary files may be as well. That of a YARN container is below a folder of YARN's own user, who
   * is not this one on clusters whose containers run as the users who ask for them.
   */
  private static final Path ELSEWHERE = Path.of("/tmp");

  private static final Map<Path, Path> OWN = new HashMap<>();

  private PrivateFolder() {}

  /**
   * The folder, which the JVMs of this user share. It is in the folder for temporary files, or in /tmp if somebody else
   * could replace it there. If another user has taken its name, this JVM gets one of its own, which stays when it ends.
   *
   * @throws IOException it cannot be created, or others can write to a folder above it
   */
  public static synchronized Path forNativeLibraries() throws IOException {
    Path temporary = Path.of(System.getProperty("java.io.tmpdir")).toAbsolutePath();
    Optional<Path> untrusted = Optional.empty();
    for (Path place : new LinkedHashSet<>(List.of(temporary, ELSEWHERE))) {
      Path folder = folderIn(place);
      Optional<Path> found = TrustedPaths.findUntrusted(folder);
      if (found.isEmpty()) {
        return folder;
      }
      untrusted = untrusted.or(() -> found);
    }
    throw new IOException("Other users can replace the files in this folder: " + untrusted.orElseThrow());
  }

  private static Path folderIn(Path place) throws IOException {
    // The numeric id: a container's user may have no name.
    Object user = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    Path shared = place.resolve("raydp-native-" + user);
    if (!OWN.containsKey(place) && create(shared)) {
      return shared;
    }
    if (!OWN.containsKey(place)) {
      OWN.put(place, Files.createTempDirectory(place, "raydp-native-"));
    }
    return OWN.get(place);
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
