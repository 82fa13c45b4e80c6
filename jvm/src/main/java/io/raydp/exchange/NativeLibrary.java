package io.raydp.exchange;

import io.raydp.security.PrivateFolder;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.CodeSource;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;

/**
 * Finds and loads {@code libraydp_jni.so}: the file that the system property {@value #PROPERTY} names, else the file
 * next to the jar, where the wheel has it, else the copy in the jar, which is unpacked once per content.
 *
 * <p>A JVM loads a file for one class loader only. Each session of Spark Connect has its own, so the loaders after the
 * first get a copy of the file.
 */
final class NativeLibrary {
  static final String PROPERTY = "raydp.native.library";
  private static final String FILE_NAME = "libraydp_jni.so";
  private static final String LOADED_ELSEWHERE = "already loaded in another classloader";

  private NativeLibrary() {}

  static void load() {
    Path library = locate();
    try {
      try {
        System.load(library.toString());
      } catch (UnsatisfiedLinkError error) {
        if (!String.valueOf(error.getMessage()).contains(LOADED_ELSEWHERE)) {
          throw error;
        }
        loadCopyOf(library);
      }
    } catch (UnsatisfiedLinkError error) {
      throw new ExchangeException(
          ExchangeErrorCode.IO,
          "raydp's native library cannot be loaded. It was built for another system or is damaged. Reinstall raydp on "
              + "this node, or name a working library with -D" + PROPERTY + ". Path: " + library
              + ", system: " + System.getProperty("os.name") + " " + System.getProperty("os.arch"),
          error);
    }
  }

  private static void loadCopyOf(Path library) {
    Path copy = null;
    try {
      copy = Files.createTempFile(PrivateFolder.forNativeLibraries(), "copy-", "-" + FILE_NAME);
      Files.copy(library, copy, StandardCopyOption.REPLACE_EXISTING);
      System.load(copy.toString());
    } catch (IOException e) {
      throw new ExchangeException(
          ExchangeErrorCode.IO,
          "raydp's native library cannot be copied for another Spark Connect session. Make java.io.tmpdir writable. "
              + "Directory: " + System.getProperty("java.io.tmpdir"),
          e);
    } finally {
      deleteQuietly(copy); // the JVM has it mapped
    }
  }

  private static void deleteQuietly(Path file) {
    try {
      if (file != null) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      file.toFile().deleteOnExit();
    }
  }

  private static Path locate() {
    String configured = System.getProperty(PROPERTY);
    if (configured != null) {
      return Path.of(configured).toAbsolutePath();
    }
    return nextToJar().orElseGet(NativeLibrary::unpack);
  }

  private static Optional<Path> nextToJar() {
    CodeSource source = NativeLibrary.class.getProtectionDomain().getCodeSource();
    if (source == null || source.getLocation() == null || !"file".equals(source.getLocation().getProtocol())) {
      return Optional.empty();
    }
    try {
      Path directory = Path.of(source.getLocation().toURI()).toAbsolutePath().getParent();
      Path candidate = directory.resolveSibling("lib").resolve(FILE_NAME);
      return Files.isRegularFile(candidate) ? Optional.of(candidate) : Optional.empty();
    } catch (URISyntaxException e) {
      throw new IllegalStateException("The jar's own location is not a path: " + source.getLocation(), e);
    }
  }

  private static Path unpack() {
    String architecture = System.getProperty("os.arch").equals("amd64") ? "x86_64" : System.getProperty("os.arch");
    String resource = "native/linux-" + architecture + "/" + FILE_NAME;
    try (InputStream stream = NativeLibrary.class.getClassLoader().getResourceAsStream(resource)) {
      if (stream == null) {
        throw new ExchangeException(
            ExchangeErrorCode.IO,
            "raydp's native library is neither next to its jar nor inside it. The jar was built without a C++ compiler "
                + "or for another system. Install the raydp wheel on this node, or set -D" + PROPERTY
                + ". Looked for: " + resource);
      }
      byte[] content = stream.readAllBytes();
      String hash = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content), 0, 8);
      Path library = PrivateFolder.forNativeLibraries().resolve(hash + "-" + FILE_NAME);
      if (!Files.isRegularFile(library, LinkOption.NOFOLLOW_LINKS) || Files.size(library) != content.length) {
        Path partial = Files.createTempFile(library.getParent(), hash, ".partial");
        Files.write(partial, content);
        // Other JVMs on this node may unpack the same content now. A rename is atomic, and either result is correct.
        Files.move(partial, library, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      }
      return library;
    } catch (IOException e) {
      throw new ExchangeException(
          ExchangeErrorCode.IO,
          "raydp's native library cannot be unpacked. Make java.io.tmpdir writable or set -D" + PROPERTY
              + ". Directory: " + System.getProperty("java.io.tmpdir"),
          e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }
}
