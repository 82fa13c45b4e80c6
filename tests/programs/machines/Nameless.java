/* A program of machines/test_nameless.py: what a JVM of raydp does first, then what Spark and Hadoop do. */

import io.raydp.process.Causes;
import io.raydp.process.FolderGuard;
import io.raydp.process.TemporaryLibraries;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.security.UserGroupInformation;
import org.apache.spark.raydp.ProcessIdentity;

public class Nameless {
  public static void main(String[] arguments) throws Exception {
    try {
      UserGroupInformation.getLoginUser();
      System.out.println("Hadoop knows the user");
    } catch (java.io.IOException error) {
      System.out.println("Hadoop alone: " + error.getMessage());
    }
    ProcessIdentity.useAddress("::1");
    ProcessIdentity.nameUser();
    // Without the address, this looks up the name of the host, and fails.
    System.out.println("settings: " + (org.apache.spark.internal.config.package$.MODULE$ != null));
    System.out.println("user: " + UserGroupInformation.getCurrentUser().getUserName());
    System.out.println("host: " + org.apache.spark.util.Utils.localHostName());

    Throwable error = new ExceptionInInitializerError(new java.net.UnknownHostException("nowhere"));
    System.out.println("cause: " + Causes.locate(error).lines().toList());

    Path temporary = Path.of(System.getenv("TMPDIR"));
    TemporaryLibraries.redirect(FolderGuard::start);
    byte[] data = new byte[100_000];
    int packed = net.jpountz.lz4.LZ4Factory.nativeInstance().fastCompressor().compress(data).length;
    System.out.println("lz4: " + (packed < data.length));
    System.out.println("zstd: " + (com.github.luben.zstd.Zstd.compress(data).length < data.length));
    System.out.println("snappy: " + (org.xerial.snappy.Snappy.compress(data).length < data.length));
    try (var files = Files.walk(temporary)) {
      files.filter(Files::isRegularFile).map(temporary::relativize).sorted().forEach(file -> System.out.println("file: " + file));
    }
    System.out.flush();
    Runtime.getRuntime().halt(9); // like a kill: nothing is cleaned up
  }
}
