#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/deadline.h"
#include "core/file_descriptor.h"

namespace raydp {

/// The process at the other end, as the kernel saw it when it connected.
struct PeerCredentials {
  pid_t pid = -1;
  uid_t uid = static_cast<uid_t>(-1);
};

/// A connected Unix stream socket. One thread may receive while others send (one at a time);
/// `shutdown` may be called on any thread and wakes both. No call raises SIGPIPE.
class UnixSocket {
 public:
  /// Takes ownership of a connected socket.
  explicit UnixSocket(FileDescriptor socket) noexcept : socket_(std::move(socket)) {}

  /// Throws `connection_refused` if nobody listens at `path`, `timeout`, `invalid_argument`, and
  /// `cancelled` soon after `abandoned` has become true.
  static UnixSocket connect(
      const std::string& path, Deadline deadline,
      const std::function<bool()>& abandoned = [] { return false; });

  /// Sends all of `bytes`. Unless `descriptor` is negative, it is attached to the first byte; the
  /// caller keeps it. Throws `connection_closed`, `timeout` or `io`; part of the bytes may have
  /// been sent then.
  void send(std::span<const std::byte> bytes, int descriptor, Deadline deadline);

  /// Receives at least one byte and returns how many; 0 means that the peer closed. Received
  /// descriptors are appended to `descriptors`. Throws `timeout`, `connection_closed`,
  /// `protocol` (descriptors lost or more than one at once) or `io`.
  std::size_t receive(std::span<std::byte> buffer, std::vector<FileDescriptor>& descriptors,
                      Deadline deadline);

  /// Ends both directions; blocked calls of other threads return. The descriptor stays open until
  /// the destructor: its number cannot be reused during such a call.
  void shutdown() noexcept;

  PeerCredentials peer() const;

  /// Whether the peer has closed its end (or died), even if it sent bytes that are not received
  /// yet. Does not wait.
  bool peer_closed() const noexcept;

 private:
  void wait(short events, Deadline deadline, const char* what);

  FileDescriptor socket_;
};

/// A listening Unix socket at a path. The destructor removes the path if it is still this socket's.
class ListeningSocket {
 public:
  /// Creates missing directories with mode 0700 and the socket with mode 0600. A socket file that
  /// nobody listens to is replaced. The path appears only when connections to it work. Throws
  /// `invalid_argument` (path too long, or somebody already listens there), `unauthorized` (others
  /// own the directory or can write to it) or `io`.
  explicit ListeningSocket(const std::filesystem::path& path);

  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;
  ~ListeningSocket();

  /// For poll(2).
  int descriptor() const noexcept { return socket_.get(); }

  /// The next waiting connection; an empty descriptor if none waits. Throws `io`.
  FileDescriptor accept();

 private:
  std::filesystem::path path_;
  FileDescriptor socket_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace raydp
