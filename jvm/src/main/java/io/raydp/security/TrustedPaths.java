package io.raydp.security;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Decides which files may be loaded: those that nobody but this user and the administrator can replace.
 *
 * <p>The rule is that of OpenSSH's {@code StrictModes}, for symbolic links too: the file, and every folder and link on
 * the way to it, belong to this user or to the administrator, and nobody else can write to them. Two kinds of folders
 * count less strictly. Others may write to a folder with the sticky bit, such as /tmp: they cannot replace what belongs
 * to somebody else there. What they may do in a folder does not matter if they cannot enter a folder above it. {@code
 * raydp._machine.trusted_paths} is the same rule for Python.
 */
public final class TrustedPaths {
  private static final Path ROOT = Path.of("/");
  private static final int MAX_LINKS = 40; // as the kernel
  private static final int FILE_TYPE = 0170000;
  private static final int FOLDER = 0040000;
  private static final int LINK = 0120000;
  private static final int STICKY = 01000;
  private static final int WRITE = 02;
  private static final int ENTER = 01;

  private TrustedPaths() {}

  /**
   * The first file, folder or link on the way to a path that somebody else can replace; empty if the path is trusted.
   *
   * @throws IOException a part of the path does not exist or cannot be looked at
   */
  public static Optional<Path> findUntrusted(Path path) throws IOException {
    Identity self = Identity.ofThisProcess();
    Path here = ROOT;
    Map<Path, Boolean> closed = new HashMap<>(Map.of(ROOT, false)); // whether others cannot enter it, or one above it
    Deque<Path> names = new ArrayDeque<>(List.of(ROOT));
    path.toAbsolutePath().forEach(names::add);
    int links = 0;
    while (!names.isEmpty()) {
      Path name = names.pop();
      Path step = here.resolve(name).normalize();
      Entry entry = Entry.of(step);
      boolean isClosed = closed.get(here);
      if (!entry.isOfTrusted(self) || !(isClosed || entry.isOf(LINK) || entry.protectsContents(self))) {
        return Optional.of(step);
      }
      if (!entry.isOf(LINK)) {
        closed.putIfAbsent(step, isClosed || !entry.othersCan(ENTER, self));
        here = step;
        continue;
      }
      links += 1;
      if (links > MAX_LINKS) {
        throw new FileSystemException(path.toString(), null, "Too many symbolic links");
      }
      Path target = Files.readSymbolicLink(step);
      here = target.isAbsolute() ? ROOT : here;
      for (int index = target.getNameCount() - 1; index >= 0; index--) {
        names.push(target.getName(index));
      }
    }
    // Others can create files in a sticky folder. It protects what it contains, but not itself.
    return closed.get(here) || !Entry.of(here).othersCan(WRITE, self) ? Optional.empty() : Optional.of(here);
  }

  /** Whether nobody but this user and the administrator can change what a path leads to. */
  public static boolean isTrusted(Path path) {
    try {
      return findUntrusted(path).isEmpty();
    } catch (IOException e) {
      return false;
    }
  }

  /** The numeric id of the user of this process. */
  public static int user() throws IOException {
    return Identity.ofThisProcess().user();
  }

  /** Whether this is a folder of this user's, and no link, that nobody else can enter. */
  public static boolean isPrivate(Path folder) {
    try {
      Entry entry = Entry.of(folder);
      return entry.isOf(FOLDER) && entry.owner() == Identity.ofThisProcess().user() && (entry.mode() & 077) == 0;
    } catch (IOException e) {
      return false; // it does not exist
    }
  }

  /**
   * What decides whom this process trusts.
   *
   * @param user the numeric id: a container's user may have no name
   * @param administrator the owner of "/": in a user namespace, that is not always 0
   */
  private record Identity(int user, int group, int administrator) {
    static Identity ofThisProcess() throws IOException {
      Entry process = Entry.of(Path.of("/proc/self").toRealPath());
      return new Identity(process.owner(), process.group(), Entry.of(ROOT).owner());
    }
  }

  /** The attributes of one file, folder or link. */
  private record Entry(int mode, int owner, int group) {
    static Entry of(Path path) throws IOException {
      Map<String, Object> found = Files.readAttributes(path, "unix:mode,uid,gid", LinkOption.NOFOLLOW_LINKS);
      return new Entry((Integer) found.get("mode"), (Integer) found.get("uid"), (Integer) found.get("gid"));
    }

    boolean isOf(int type) {
      return (mode & FILE_TYPE) == type;
    }

    boolean isOfTrusted(Identity self) {
      return owner == 0 || owner == self.user || owner == self.administrator;
    }

    boolean protectsContents(Identity self) {
      return (isOf(FOLDER) && (mode & STICKY) != 0) || !othersCan(WRITE, self);
    }

    /** Whether others have a permission, given as its bit for everybody. */
    boolean othersCan(int permission, Identity self) {
      // Group 0 is the administrator's. A group with the number of its user is that user's own, as most distributions
      // create it, and many of them let groups write by default.
      boolean isOwnGroup = group == 0 || (group == self.group && self.group == self.user);
      return (mode & permission) != 0 || ((mode & (permission << 3)) != 0 && !isOwnGroup);
    }
  }
}
